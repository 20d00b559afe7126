"""The examples of docs/cli.md: `python -m tests.cli.cli_docs` runs them and writes the page anew."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from click.testing import CliRunner

from autoloop.cli import command
from tests.cli.app import write_run
from tests.helpers.places import DATA, ROOT

PAGE = ROOT / "docs" / "cli.md"
OWN_PROCESS = ("plan",)  # it hands over to a Hydra app
BLOCK = re.compile(r"```console\n(?P<line>\$ .*)\n(?P<output>(?:.*\n)*?)```")


SEARCH = """\
defaults: [_self_, {override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: tpe}]
lr: 0.1
hydra:
  sweeper:
    sampler: {seed: 123}
    n_trials: 20
    params: {lr: 'tag(log, interval(1e-4, 1))'}
"""


def place(top, study=None):
    """Make what the examples look at: ``study``, ``runs``, ``base.json`` and ``search.yaml``."""
    (top / "search.yaml").write_text(SEARCH)
    shutil.copy(DATA / "act_ot_baseline.json", top / "base.json")
    write_run(top / "runs" / "a", 0.002, 40, "20260101_000001", {"lr": 0.002})
    write_run(top / "runs" / "night" / "b", 0.004, 30, "20260102_000002", {"lr": 0.004})
    write_run(top / "runs" / "broken", 0.001, 20, "20260103_000003", {}).write_bytes(b":W&B")
    if study:
        shutil.copytree(study, top / "study")


def run_study(top):
    """Run the study of the examples: two rounds, one job of which fails."""
    shutil.copy(Path(__file__).with_name("app.py"), top / "train.py")
    shutil.copytree(Path(__file__).with_name("conf"), top / "conf")
    words = ["-m", "hydra/sweeper=autoloop", "hydra.sweeper.variants={fast:{lr@mul:3}}", "luck=luck.txt"]
    done = python(["train.py", *words, "hydra.sweep.dir=study"], top)
    assert done.returncode == 1, done.stderr
    return top / "study"


def python(words, top):
    """Run python as a user would who has no key and a terminal of 80 columns."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    own = {"PYTHONPATH": str(ROOT), "HOME": str(top), "COLUMNS": "80", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words],
        cwd=top,
        env={**kept, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def output_of(line, top):
    """Return what an example prints, with the place where it ran left out."""
    words = shlex.split(line.removeprefix("$ "))
    assert words[0] == "autoloop"
    said = python(["-m", *words], top).stdout if words[1] in OWN_PROCESS else in_process(words[1:], top)
    return "".join(f"{part.rstrip()}\n" for part in said.replace(f"{top.resolve()}/", "").splitlines())


def in_process(words, top):
    """Return what the command prints, run here: faster by the imports."""
    before = Path.cwd()
    os.chdir(top)
    try:
        return CliRunner(env={"COLUMNS": "80"}).invoke(command(), words, prog_name="autoloop").output
    finally:
        os.chdir(before)


def examples(text):
    """Return command and output of each example of a page."""
    return [(found["line"], found["output"]) for found in BLOCK.finditer(text)]


def main():
    """Run every example and write the page anew."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        place(top)
        run_study(top)
        page = PAGE.read_text(encoding="utf-8")
        fresh = BLOCK.sub(lambda b: f"```console\n{b['line']}\n{output_of(b['line'], top)}```", page)
        PAGE.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
