"""Studies and trees of W&B runs that the commands look at, and ways to call the command."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from autoloop.cli import command
from tests.cli.app import write_run
from tests.helpers import warm
from tests.helpers.places import ROOT

APP = Path(__file__).parent / "app.py"


@pytest.fixture
def cli():
    """Call the command in this process; the result has ``exit_code``, ``stdout`` and ``stderr``."""

    def call(*words):
        result = CliRunner().invoke(command(), [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture(scope="session")
def process():
    """Run ``python <words>`` as a user would; nothing of W&B's is set but what is given."""

    def run(*words, cwd, **env):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
        start = partial(subprocess.run, capture_output=True, text=True) if words[0] == "-c" else warm.run
        return start(
            [sys.executable, *map(str, words)],
            cwd=cwd,
            env={**kept, "PYTHONPATH": str(ROOT), "HOME": str(cwd), "OMP_NUM_THREADS": "1", **env},
            timeout=120,
        )

    return run


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory, process):
    """A study of two rounds that an app has run, one of whose jobs failed for lack of a file."""
    top = tmp_path_factory.mktemp("study")
    done = process(
        APP,
        "-m",
        "hydra/sweeper=autoloop",
        "hydra.sweeper.variants={fast:{lr@mul:3}}",
        "hydra.sweep.dir=study",
        "luck=luck.txt",
        cwd=top,
    )
    assert done.returncode == 1, done.stderr
    return top / "study"


@pytest.fixture
def study(finished_study, tmp_path):
    """A copy of that study of this test's own."""
    return Path(shutil.copytree(finished_study.parent, tmp_path / "work", symlinks=True)) / "study"


@pytest.fixture
def tree(tmp_path):
    """W&B runs of several layouts below one directory, and one that cannot be read."""
    top = tmp_path / "tree"
    config = {"lr": 0.002, "batch_size": 8}
    write_run(top / "a", 0.002, 40, "20260101_000001", config)
    write_run(top / "deep" / "er" / "b", 0.004, 30, "20260102_000002", config)
    for stamp in ("20260103_000003", "20260104_000004"):
        write_run(top / "two", 0.001, 20, stamp, config)
    broken = write_run(top / "broken", 0.001, 20, "20260105_000005", config)
    broken.write_bytes(b":W&B")
    return top
