"""What the main program does at its top level holds in its jobs, however it was started."""

import json
import random
import subprocess
import sys

import numpy
import pytest

#: A library with a registry, and a plugin that is imported for what it registers.
LIBRARY = """
TABLE = {}

def transform(value):
    return value
"""
PLUGIN = """
import library
library.TABLE["plugin"] = int
"""

APP = """
import decimal, json, logging, pickle, random, sys, threading
from dataclasses import dataclass
from pathlib import Path

import hydra
import library
import numpy
import plugin
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

log = logging.getLogger(__name__)
decimal.getcontext().prec = 5
random.seed(0)
numpy.random.seed(0)
LOCK = threading.Lock()
SEEN = []

@dataclass
class Config:
    x: int = 1
    twice: int = "${twice:${x}}"

ConfigStore.instance().store(name="config", node=Config)
OmegaConf.register_new_resolver("twice", lambda number: 2 * number)

class Model:
    pass

library.TABLE["model"] = Model

def transform(value):
    SEEN.append(value)
    return 10 * value

library.transform = transform

@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg):
    with LOCK:
        log.info("told")
        seen = {
            "table": sorted(library.TABLE),
            "transformed": [library.transform(cfg.x), *SEEN],
            "precise to": decimal.getcontext().prec,
            "random": [random.random(), numpy.random.rand()],
            "the registered class": library.TABLE["model"] is Model,
            "the class of the config": isinstance(OmegaConf.to_object(cfg), Config),
            "pickled as": Model.__module__ if pickle.loads(pickle.dumps(Model())) else "",
            "logger": log.name,
            "twice": cfg.twice,
            "program": [sys.modules["__main__"].__file__, sys.argv[0], sys.path[0]],
        }
    (Path(HydraConfig.get().runtime.output_dir) / "seen.json").write_text(json.dumps(seen))
    return cfg.x

print("top level")
"""
GUARDED_CALL = "if __name__ == '__main__':\n    main()\n"

START = "import sys\nfrom package.app import main\nif __name__ == '__main__':\n    sys.exit(main())\n"

#: Files of an app, the words that start it, its main program, and the name of the module that its task is in.
WAYS = {
    "script": ({"app.py": APP + GUARDED_CALL}, ["app.py"], "app.py", "__main__"),
    "module without a guard": (
        {"package/__init__.py": "", "package/app.py": APP + "main()"},
        ["-m", "package.app"],
        "package/app.py",
        "__main__",
    ),
    "entry point": (
        {"package/__init__.py": "", "package/app.py": APP, "start": START},
        ["start"],
        "start",
        "package.app",
    ),
}


def start(directory, files, words, *overrides):
    for name, text in {"library.py": LIBRARY, "plugin.py": PLUGIN, **files}.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)
    done = subprocess.run(
        [sys.executable, *words, *overrides], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def seen(directory):
    return json.loads((directory / "seen.json").read_text())


@pytest.mark.parametrize("way", WAYS)
def test_jobs_find_what_a_single_run_finds(way, tmp_path):
    """Registrations, patches, settings, seeds, classes and names are those of a single run, in every job.

    What the top level prints is told once, and a program without a guard does not start itself again.
    """
    files, words, program, module = WAYS[way]
    sweep = ["-m", "hydra/launcher=slots", "hydra.launcher.n_jobs=1", "hydra.sweep.dir=out", "x=3,3"]
    done = start(tmp_path, files, words, *sweep)
    assert done.stdout.count("top level") == 1
    in_both = {
        "table": ["model", "plugin"],
        "transformed": [30, 3],
        "precise to": 5,
        "random": [random.Random(0).random(), numpy.random.RandomState(0).rand()],
        "the registered class": True,
        "the class of the config": True,
        "pickled as": module,
        "logger": module,
        "twice": 6,
        "program": [
            str(tmp_path / program),
            str(tmp_path / program) if "-m" in words else program,
            str(tmp_path),
        ],
    }
    assert [seen(tmp_path / "out" / job) for job in "01"] == [in_both] * 2


@pytest.mark.slow
def test_jobs_of_other_launchers_find_it_too(tmp_path):
    """Also in a worker of joblib's, to which the task function comes as a copy."""
    sweep = ["-m", "hydra/sweeper=autoloop", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    app = {"app.py": APP.replace("with LOCK:", "if True:") + GUARDED_CALL}
    start(tmp_path, app, ["app.py"], *sweep, "hydra.sweeper.rounds=1", "hydra.sweep.dir=out", "x=3,4")
    for job, x in (("0", 3), ("1", 4)):
        found = seen(tmp_path / "out" / job)
        assert (found["table"], found["precise to"]) == (["model", "plugin"], 5)
        assert (found["transformed"], found["twice"]) == ([10 * x, x], 2 * x)


ONCE = """
import os, threading, time
from pathlib import Path
import hydra

{top}
ANSWER = None

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    assert ANSWER == 42, ANSWER
    {check}

if __name__ == "__main__":
    ANSWER = 42
    Path("guarded").write_text(Path("guarded").read_text() + "x" if Path("guarded").exists() else "x")
    main()
"""


def test_a_program_that_runs_once_only_is_told(tmp_path):
    """Its jobs run with copies of what the task function refers to, and the user hears what is missing."""
    app = {"app.py": ONCE.format(top="os.mkdir('lock')", check="pass")}
    done = start(tmp_path, app, ["app.py"], "-m", "hydra/launcher=slots", "hydra.sweep.dir=out", "+x=1,2")
    assert (
        f"the top level of {tmp_path}/app.py fails when it runs again for the jobs: FileExistsError"
        in done.stderr
    )


def test_a_thread_of_the_top_level_runs_in_every_job(tmp_path):
    """A thread does not survive a fork, so that each job runs the top level by itself.

    What stands under the guard does not run again, which is said once; a name to which it gives another
    meaning keeps that one.
    """
    top = """
TICKS = []
def tick():
    while True:
        TICKS.append(time.sleep(0.01))
threading.Thread(target=tick, daemon=True).start()
"""
    check = "before = len(TICKS); time.sleep(0.5); assert len(TICKS) > before"
    app = {"app.py": ONCE.format(top=top, check=check)}
    done = start(tmp_path, app, ["app.py"], "-m", "hydra/launcher=slots", "hydra.sweep.dir=out", "+x=1")
    assert "an imported module has started a thread" in done.stderr
    assert (tmp_path / "guarded").read_text() == "x"
    assert done.stdout.count("in the main process only, not in jobs: Path('guarded').write_text(") == 1


OWN_WORDS = """
import argparse, decimal, sys
import hydra
from omegaconf import OmegaConf

parser = argparse.ArgumentParser()
parser.add_argument("--scale", type=int, default=1)
own, rest = parser.parse_known_args()
sys.argv = [sys.argv[0], *rest]

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    assert own.scale == 7, own
    assert OmegaConf.has_resolver("half")

def start():
    sys.argv.append("+x=1")
    OmegaConf.register_new_resolver("half", lambda number: number / 2)
    if own.scale:
        decimal.getcontext().prec = 5
    main()
    print("over")

if __name__ == "__main__":
    start()
"""


def test_words_that_the_program_has_taken_from_its_command_line_are_there_for_jobs(tmp_path):
    """And what its starting function did before, under the guard, is told if jobs lack it, and only then."""
    words = ["app.py", "--scale=7"]
    done = start(tmp_path, {"app.py": OWN_WORDS}, words, "-m", "hydra/launcher=slots", "hydra.sweep.dir=out")
    assert "only, not in jobs: decimal.getcontext().prec = 5. If jobs" in done.stdout
