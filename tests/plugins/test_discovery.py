"""The plugins are found wherever autoloop is installed, and cost no Hydra app anything heavy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

HEAVY = ("torch", "wandb", "joblib", "accelerate", "numpy")
APP = ROOT / "examples" / "plain_app" / "train.py"


def run(*command: str, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_importing_autoloop_imports_nothing_heavy(tmp_path: Path):
    code = f"import sys, autoloop; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run(sys.executable, "-c", code, cwd=tmp_path) == "[]\n"


def test_the_plugin_scan_finds_both_and_imports_nothing_heavy(tmp_path: Path):
    code = f"""
import sys
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
found = [p.__name__ for base in (Sweeper, Launcher) for p in Plugins.instance().discover(base)]
print([name for name in ("AutoloopSweeper", "SlotsLauncher") if found.count(name) != 1])
ours = [name for name in sys.modules if name.startswith(("autoloop", "hydra_plugins.autoloop"))]
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(heavy if "hydra_plugins.hydra_joblib_launcher.joblib_launcher" not in sys.modules else
      [name for name in heavy if name != "joblib"])
"""
    assert run(sys.executable, "-c", code, cwd=tmp_path) == "[]\n[]\n"


@pytest.mark.slow
def test_an_app_that_knows_nothing_of_us_runs_in_rounds(tmp_path: Path):
    out = run(
        sys.executable,
        str(APP),
        "-m",
        "hydra/sweeper=autoloop",
        "hydra/launcher=slots",
        "hydra.launcher.n_jobs=2",
        "hydra.sweeper.rounds=2",
        "hydra.sweeper.variants={faster:{optimizer.lr@mul:3}}",
        "hydra.sweep.dir=study",
        cwd=tmp_path,
    )
    assert "round 2: 2 jobs" in out
    assert re.search(
        r"r2_sample +from baseline by sample: moves lr: ", out
    )  # by default not all is left to rules
    assert "the best is" in out
    assert (tmp_path / "study" / "reports" / "report.html").is_file()


@pytest.mark.slow
def test_a_wheel_carries_the_plugins_and_the_configs(tmp_path: Path):
    """Installed from a wheel into an environment of its own, in another directory than the project."""
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(source),
    ]
    run(*build, cwd=tmp_path)
    wheel = next(tmp_path.glob("autoloop-*.whl"))
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"), cwd=tmp_path)
    python = str(tmp_path / "venv" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel), cwd=tmp_path)
    purelib = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
    ).strip()
    borrow = f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})"
    (Path(purelib) / "borrowed.pth").write_text(borrow + "\n")
    where = run(python, "-c", "import autoloop; print(autoloop.__file__)", cwd=tmp_path)
    assert str(tmp_path) in where
    plan = run(python, "-m", "autoloop.train", "-m", "dry_run=true", "hydra.sweep.dir=study", cwd=tmp_path)
    assert "4 jobs in round 1" in plan
    run(
        python,
        str(APP),
        "-m",
        "hydra/sweeper=autoloop",
        "hydra/launcher=slots",
        "hydra.sweep.dir=plain",
        cwd=tmp_path,
    )
    assert (tmp_path / "plain" / "study.jsonl").is_file()


def test_a_config_that_is_there_is_not_registered_again(tmp_path: Path):
    """In joblib's workers the main process's configs arrive first; Hydra 1.4 warns where one is replaced."""
    code = """
import importlib
from hydra.core.config_store import ConfigStore
from hydra_plugins.autoloop import launcher, slurm, sweeper
store = ConfigStore.instance()
paths = ("hydra/launcher/slots.yaml", "hydra/launcher/slurm.yaml", "hydra/sweeper/autoloop.yaml")
entry = lambda path: store.repo["hydra"][path.split("/")[1]][path.split("/")[2]]
before = [entry(path) for path in paths]
for module in (launcher, slurm, sweeper):
    importlib.reload(module)
print([old.provider == "autoloop" and old is entry(path) for old, path in zip(before, paths)])
"""
    assert run(sys.executable, "-W", "error", "-c", code, cwd=tmp_path) == "[True, True, True]\n"
