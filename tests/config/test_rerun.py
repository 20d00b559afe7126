"""The command that trains a configuration of a study once more."""

from __future__ import annotations

import re
import shlex
import shutil
import sys

import pytest

from autoloop.config.rerun import program, read_command, rerun_command, runs_program
from autoloop.study.events import StudyBegun
from tests.helpers import warm
from tests.helpers.places import ROOT


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python -m autoloop.train -m rounds=3", ["python", "-m", "autoloop.train"]),
        ("python3.11 -X dev -u train.py -m", ["python3.11", "-X", "dev", "-u", "train.py"]),
        ("python -Xdev -O -W ignore app.py a=1", ["python", "-Xdev", "-O", "-W", "ignore", "app.py"]),
        ("python -um pkg.mod -m a=1", ["python", "-um", "pkg.mod"]),
        ("python -mpkg.mod -m a=1", ["python", "-mpkg.mod"]),
        (
            "python --check-hash-based-pycs always app.py",
            ["python", "--check-hash-based-pycs", "always", "app.py"],
        ),
        ("python /venv/bin/my-app -m a=1", ["python", "/venv/bin/my-app"]),
        ("my-app -m a=1", ["my-app"]),
        ("", ["python", "-m", "autoloop.train"]),
        ("python 'unclosed", ["python", "'unclosed"]),
        ("python", ["python"]),
    ],
)
def test_the_app_is_read_from_the_study_s_command(command, words):
    """Options of the interpreter, glued or apart, and either way to name a module belong to the app."""
    assert program(command) == words


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("-cn other", ["--config-name=other"]),
        ("-cn=other", ["--config-name=other"]),
        ("--config-name other", ["--config-name=other"]),
        ("--config-na=other", ["--config-name=other"]),
        ("--config-dir=conf_b", ["--config-dir=/at/home/conf_b"]),
        ("-cd ../conf_b -cn x", ["--config-dir=/at/home/../conf_b", "--config-name=x"]),
        ("-cd /abs", ["--config-dir=/abs"]),
        ("--config-path conf_c", ["--config-path=conf_c"]),
        ("-p foo", ["--package=foo"]),
        ("--experimental-rerun old.pickle -m", []),
        ("--my-own-flag fast -m", ["--my-own-flag", "fast"]),
    ],
)
def test_what_chooses_the_config_is_kept_in_any_spelling(given, kept):
    """A config dir is found from anywhere; what Hydra does not know is the app's own, and stays."""
    words = read_command(f"python app.py {given} -m lr=1,2 hydra/sweeper=autoloop", "/at/home")
    assert list(words.options) == kept
    assert words.hydra == ()


def test_hydra_s_own_words_are_kept_where_they_are_a_job_s():
    """The sweep's own words go; what changes a job or where configs are found stays, and is quoted."""
    given = [
        *("hydra/sweeper=autoloop", "hydra/launcher=slots", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=out"),
        *("+hydra.sweeper.variants={a:{lr@mul:2}}", "hydra.mode=MULTIRUN", "hydra.run.dir=x", "lr@mul=2"),
        *("hydra.job.chdir=true", "hydra.searchpath=[file:///a b]", "hydra/job_logging=none", "~hydra.x"),
        "+hydra.job.env_set.A=1",
    ]
    header = StudyBegun(command=shlex.join(["python", "app.py", "-m", *given]), cwd="/at/home")
    kept = [*given[8:]]
    assert rerun_command(header, ["lr=0.2"]) == ["python", "app.py", *kept, "lr=0.2"]
    changed = rerun_command(header, ["lr=0.2"], ["lr=1", "hydra.job.chdir=false"])
    assert changed == ["python", "app.py", *kept[1:], "lr=1", "hydra.job.chdir=false"]


def test_where_config_files_make_every_command_a_sweep_a_single_run_says_that_it_is_one():
    """With the plugins that were chosen, whose settings such files may hold."""
    command = "python app.py -m hparams=tuned hydra/sweeper=autoloop hydra.sweep.dir=out"
    header = StudyBegun(command=command, cwd="/at/home", single=("hydra/sweeper=autoloop", "hydra.mode=RUN"))
    assert rerun_command(header, ["hparams=tuned", "lr=0.2"]) == [
        *("python", "app.py", "hydra/sweeper=autoloop", "hydra.mode=RUN", "hparams=tuned", "lr=0.2")
    ]


@pytest.mark.parametrize(
    ("text", "given", "kept"),
    [
        (
            "# @package _global_\nhydra: {mode: MULTIRUN}",
            [],
            "hydra/sweeper=autoloop hydra.mode=RUN +tuned=lr",
        ),
        (
            "# @package _global_\nhydra: {mode: MULTIRUN}",
            ["-m"],
            "hydra/sweeper=autoloop hydra.mode=RUN +tuned=lr",
        ),
        ("# @package hydra.sweeper.variants\na: {seed@set: 1}", ["-m"], "hydra/sweeper=autoloop +tuned=lr"),
        ("# @package _global_\nseed: 2", ["-m"], "+tuned=lr"),
    ],
    ids=["a sweep by its files", "by both", "variants from a file", "values from a file"],
)
@pytest.mark.slow
def test_a_chosen_file_that_speaks_of_sweeps_leaves_a_command_that_trains_once(
    tmp_path, text, given, kept, monkeypatch
):
    """Files of search spaces say hydra.mode: MULTIRUN, or hold settings that only our sweeper takes."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    shutil.copytree(ROOT / "examples/plain_app", tmp_path, dirs_exist_ok=True)
    (tmp_path / "conf/tuned").mkdir()
    (tmp_path / "conf/tuned/lr.yaml").write_text(text)
    study = ["hydra/sweeper=autoloop", "hydra.sweep.dir=s", "hydra.sweeper.dry_run=true"]
    study.append("hydra.sweeper.detail=full")
    words = [sys.executable, "train.py", *given, "+tuned=lr", *study]
    plan = warm.run(words, cwd=tmp_path, check=True).stdout
    again = re.search(r"train.py (.*)", plan)
    assert again and again[1] == kept, plan
    done = warm.run([*words[:2], *again[1].split()], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs").is_dir()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("command", "is_program"),
    [
        ("python -m my.app -m a=1", True),
        ("python3.11 -mmy.app", True),
        ("/x/python -u app.py -m", True),
        ("python -X dev -Wonce:m -m a.b", True),
        ("python -Bm a.b x=1", True),
        ("python -c 'import os'", False),
        ("python -Bcimport os", False),
        ("python -", False),
        ("python -m timeit 'import os'", False),
        ("python -m", False),
        ("python", False),
        ("bash -c ls", False),
    ],
)
def test_a_file_or_a_module_is_a_program(command, is_program):
    """Code on the line, standard input, another program, and what runs code of its arguments are none."""
    assert runs_program(shlex.split(command)) is is_program
