"""W&B's own commands work on a study: one line each."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pexpect
import pyte
import pytest

from autoloop.study.record import Study
from autoloop.views.wandb_commands import RunLinks, has_leet, leet_command, wandb_hints
from tests.helpers.live_app.terminal import environment
from tests.helpers.studies import job_event, replay, round_event, study_event, trial_event, variant_entry
from tests.helpers.wandb_file import exit_record, frame, row, run

STAMP = "20260101_000000"


def log_of(study_dir: Path, job: int) -> Path:
    run_dir = study_dir / str(job) / "wandb" / f"offline-run-{STAMP}-x{job}"
    run_dir.mkdir(parents=True)
    path = run_dir / f"run-x{job}.wandb"
    rows = [row(step, {"train/loss": 1.0 / (1 + step)}) for step in range(20)]
    path.write_bytes(frame([run(f"x{job}", name=f"job {job}", project="p"), *rows, exit_record()]))
    return path


def study(*ended: int) -> Study:
    events = [study_event(), round_event(1, *(variant_entry(number, f"v{number}") for number in range(3)))]
    events += [job_event(number) for number in range(2)] + [trial_event(number) for number in ended]
    return replay(events)


def linked(study_dir: Path) -> list[str]:
    return sorted(path.name for path in (study_dir / "wandb").glob("*"))


def test_runs_are_linked_as_they_appear(tmp_path: Path):
    links = RunLinks(tmp_path)
    links.update(study())
    assert not (tmp_path / "wandb").exists()
    log = log_of(tmp_path, 1)
    links.update(study())
    links.update(study(1))
    assert linked(tmp_path) == [f"offline-run-{STAMP}-x1"]
    assert (tmp_path / "wandb" / linked(tmp_path)[0] / log.name).samefile(log)
    log_of(tmp_path, 0)
    RunLinks(tmp_path).update(study(0, 1))  # another process goes on with the study
    assert linked(tmp_path) == [f"offline-run-{STAMP}-x0", f"offline-run-{STAMP}-x1"]


def test_links_survive_a_move_of_the_study(tmp_path: Path):
    log_of(tmp_path / "a", 0)
    RunLinks(tmp_path / "a").update(study(0))
    (tmp_path / "a").rename(tmp_path / "b")
    assert list((tmp_path / "b" / "wandb").glob("*/run-x0.wandb"))


def test_the_hints_are_lines_to_copy(tmp_path: Path):
    top = tmp_path / "my study"
    top.mkdir()
    assert wandb_hints(study(0, 1), top) == []
    log_of(top, 0)
    log_of(top, 1)
    leet = [f"curves in the terminal: wandb leet '{top}/wandb'"] if has_leet() else []
    assert wandb_hints(study(0, 1), top) == [
        *leet,
        f"upload to W&B: wandb sync '{top}'/*/wandb/offline-run-*",
    ]


@pytest.mark.skipif(not has_leet(), reason="this wandb has no terminal viewer")
def test_the_viewer_shows_every_run_of_the_study(tmp_path: Path):
    """The real `wandb leet` finds both runs behind the links."""
    for job in range(2):
        log_of(tmp_path, job)
    RunLinks(tmp_path).update(study(0, 1))
    program = shutil.which(
        "wandb", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    assert program is not None
    words = leet_command(tmp_path).split()[1:]
    home = {
        "HOME": str(tmp_path),
        "WANDB_CONFIG_DIR": str(tmp_path / "config"),
        "WANDB_ERROR_REPORTING": "false",
    }
    child = pexpect.spawn(program, words, env={**environment(), **home}, dimensions=(40, 140), timeout=60)
    screen = pyte.Screen(140, 40)
    stream = pyte.ByteStream(screen)
    try:
        while "[2 items]" not in "\n".join(screen.display):
            stream.feed(child.read_nonblocking(65536, timeout=60))
    finally:
        child.close(force=True)
