"""Checkpoints that another run goes on from: what looks like one and is none, is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autoloop.errors import JournalError
from autoloop.runner.longer import found_in, newest
from autoloop.runner.warm import halfway
from autoloop.study.jobs import Job
from autoloop.study.plans import Plan


def _job(run_dir: str) -> Job:
    return Job(0, 1, Plan("a", None, "baseline", "", {}, "", (), (), "", (), ()), run_dir=run_dir, steps=100)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run with checkpoints at the steps 40 and 60."""
    made = tmp_path / "study" / "0"
    (made / "ckpt" / "step_40").mkdir(parents=True)
    (made / "ckpt" / "step_40" / "model").write_text("m")
    (made / "ckpt" / "step_60").write_text("m")
    os.utime(made / "ckpt" / "step_40", (1e9, 1e9))
    return made


def _newest(run_dir: Path) -> str:
    found = newest(run_dir.parent, "0", "ckpt/*")
    return found.name if found else ""


def test_the_newest_counts_and_a_link_to_it_within_the_run(run_dir: Path) -> None:
    assert _newest(run_dir) == "step_60"
    assert halfway(run_dir.parent, _job("0"), "ckpt/*") == (40, run_dir / "ckpt" / "step_40")
    (run_dir / "ckpt" / "last").symlink_to("step_60")
    assert {place for _, place in found_in(run_dir.parent, "0", "ckpt/*")} == {
        "ckpt/last",
        "ckpt/step_40",
        "ckpt/step_60",
    }


@pytest.mark.parametrize(
    "kind", ["gone", "loop", "outside", "parent", "empty file", "empty folder", "pipe", "in a loop"]
)
def test_what_holds_nothing_is_no_checkpoint(run_dir: Path, kind: str) -> None:
    """Pruned since it was linked, cut while it was written, or put there by somebody else."""
    path = run_dir / "ckpt" / "step_50"
    (run_dir.parent.parent / "secret").write_text("s")
    makes = {
        "gone": lambda: path.symlink_to("step_45"),
        "loop": lambda: path.symlink_to("step_50"),
        "outside": lambda: path.symlink_to(run_dir.parent.parent / "secret"),
        "parent": lambda: path.symlink_to(run_dir.parent),
        "empty file": path.touch,
        "empty folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "in a loop": lambda: (
            path.symlink_to("step_55"),
            (run_dir / "ckpt" / "step_55").symlink_to("step_50"),
        ),
    }
    makes[kind]()
    assert _newest(run_dir) == "step_60"
    assert halfway(run_dir.parent, _job("0"), "ckpt/*") == (40, run_dir / "ckpt" / "step_40")
    for name in ("step_40/model", "step_60"):
        (run_dir / "ckpt" / name).unlink()
    assert _newest(run_dir) == ""


def test_a_run_dir_outside_is_refused(run_dir: Path) -> None:
    with pytest.raises(JournalError, match="leads out of the study"):
        newest(run_dir / "ckpt", "..", "*")
