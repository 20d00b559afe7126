"""Going on with a study, or not: what is finished, what lies beside, and what a start costs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from autoloop.cli.resume import command, launch_line
from autoloop.config.compose import Composer
from autoloop.config.values import written
from autoloop.curves.objective import Objective
from autoloop.runner.siblings import MOST, made_by, unfinished_sibling
from autoloop.store.journal import Journal
from autoloop.study.events import StudyBegun, StudyStopped

COMMAND = "python app.py -m x=1"
PATTERN = "multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}"
NOBODY = 2**22 + 1  # above the largest pid


def begin(study_dir: Path, stopped: bool = False, words: str = COMMAND, pid: int = NOBODY) -> Path:
    with Journal(study_dir) as journal:
        about: dict[str, Any] = {"command": words, "cwd": str(Path.cwd()), "host": os.uname().nodename}
        journal.append(StudyBegun(objective=Objective(), pid=pid, **about))
        if stopped:
            journal.append(StudyStopped(reason="the round is done"))
    return study_dir


def test_resuming_a_finished_study_does_nothing_and_says_how_it_goes_further(tmp_path: Path) -> None:
    study = begin(tmp_path / "study", stopped=True)
    before = (study / "study.jsonl").read_bytes()
    done = CliRunner().invoke(command, [str(study)])
    assert (done.exit_code, (study / "study.jsonl").read_bytes()) == (0, before)
    assert done.output.startswith(f"nothing to do: the study in {study} is finished (the round is done).")
    assert all(word in done.output for word in ("hydra.sweeper.rounds=", "--failed", "hydra.sweep.dir"))


@pytest.mark.parametrize(
    ("words", "added", "kept"),
    [
        ("app.py -m hydra.sweep.dir=a", (), ["app.py", "-m", "hydra.sweeper.resume=true"]),
        ("app.py hydra.sweeper.resume=auto", ("x=1",), ["app.py", "hydra.sweeper.resume=true", "x=1"]),
        ("app.py", ("resume=force",), ["app.py", "resume=force"]),
        ("app.py resume=false", (), ["app.py", "resume=false", "hydra.sweeper.resume=true"]),
    ],
)
def test_what_is_gone_on_with_is_never_moved_aside(
    tmp_path: Path, words: str, added: tuple[str, ...], kept: list[str]
) -> None:
    """Whatever the command says of a finished study; a stranger's own ``resume`` stays as it is."""
    line = launch_line(["python", *words.split()], tmp_path, added)
    assert [word for word in line[1:] if not word.startswith("hydra.sweep.dir=")] == kept


def test_an_unfinished_study_of_the_same_command_beside_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    day = Path("multirun/2026-01-02")
    begin(Path("multirun/2026-01-01/08-00-00"))
    wanted = begin(day / "08-00-00")
    begin(day / "09-00-00", stopped=True)
    begin(day / "10-00-00", words="python app.py -m x=2")
    runs = begin(day / "11-00-00", pid=os.getpid())
    (day / "12-00-00").mkdir()
    now = begin(day / "13-00-00")
    with Journal(runs):
        assert unfinished_sibling(PATTERN, now, COMMAND, str(tmp_path)) == wanted
        assert unfinished_sibling(PATTERN, now, COMMAND, "/elsewhere") is None
        assert unfinished_sibling(str(now), now, COMMAND, str(tmp_path)) is None


def test_only_so_many_entries_are_looked_at(tmp_path: Path) -> None:
    for number in range(MOST + 50):
        (tmp_path / f"{number:04}").mkdir()
    found = [path.name for path in made_by(f"{tmp_path}/${{now:%S}}")]
    assert (len(found), found[0], found[-1]) == (MOST, "0349", "0050")
    assert [path.name for path in made_by(f"{tmp_path}/034${{oc.env:X,${{y}}}}")][-1] == "0340"


@pytest.fixture
def loader(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "config.yaml").write_text("x: 1\ntime: ${now:%H-%M-%S}\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def test_variants_that_differ_in_values_are_composed_from_one_template(
    loader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra composes what three passes over 70 variants share, and one whole config to compare with."""
    composer = Composer(loader, loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN))
    composed: list[list[str]] = []
    load = loader.load_sweep_config
    monkeypatch.setattr(
        loader, "load_sweep_config", lambda master, words: composed.append(words) or load(master, words)
    )
    passes = [[composer.compose([f"x={n}"]) for n in range(70)] for _ in range(3)]
    assert composed == [[], ["x=0"]]
    assert [list(map(written, one)) for one in passes[1:]] == [list(map(written, passes[0]))] * 2
    assert all(re.fullmatch("..-..-..", str(config.time)) for config in passes[2])
    assert passes[2][5].hydra.overrides.task == ["x=5"]
