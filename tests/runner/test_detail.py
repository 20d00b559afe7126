"""How much a study says: its plan on one screen, a log with each job once, and a quiet one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from autoloop.runner.short_plan import cut, few, job_rows
from autoloop.testing import trial
from tests.helpers import warm
from tests.helpers.flow_app.launch import APP, run
from tests.helpers.places import ROOT

TWELVE = ",".join(str(value / 10) for value in range(1, 13))


def plan(place: Path, *words: str, columns: int = 100) -> list[str]:
    command = [sys.executable, str(APP), "-m", "hydra/sweeper=autoloop", "hydra.sweeper.dry_run=true"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": str(columns)}
    done = warm.run([*command, *words], cwd=place, env=environment, check=True)
    return done.stdout.splitlines()


def test_the_plan_of_twelve_jobs_is_on_one_screen_and_full_has_the_rest(tmp_path: Path) -> None:
    """40 lines of 100 columns, each job in one; what is not there is named with where it is."""
    lines = plan(tmp_path, f"lr={TWELVE}", "hydra.sweeper.rounds=3")
    assert len(lines) <= 40 and max(map(len, lines)) <= 100
    jobs = [line for line in lines if line.startswith("job ")]
    assert len(jobs) == 12 and jobs[0].startswith("job 0   lr_0.1  ")
    assert "detail=full" in lines[-1] and "  runs  " not in "\n".join(lines)
    full = plan(tmp_path, "lr=0.1", "hydra.sweeper.rounds=3", "hydra.sweeper.detail=full")
    assert [line for line in full if line.startswith("  runs       python ")]
    assert [line for line in full if line.startswith("  non_finite: ")]


def test_a_quiet_study_says_what_came_of_it(tmp_path: Path) -> None:
    ran = run(tmp_path / "study", "hydra.sweeper.detail=quiet", "hydra.sweeper.rules=none")
    assert ran.code == 0, ran.output
    said = [line.partition("] - ")[2] or line for line in ran.output.splitlines() if "HYDRA" in line]
    assert not [line for line in said if "round 1" in line or "started" in line or "COMPLETE" in line]
    assert [line for line in said if "the study ends after 1 job" in line or "1 job" in line]
    assert [line for line in said if "report: " in line]


def test_rows_are_aligned_and_cut_at_the_width() -> None:
    about = {"changes": (("optimizer.learning_rate", 0.1, 0.2), ("x", 1, 2))}
    variants = [trial("baseline").variant, *(trial(f"v{n}", **about).variant for n in range(10))]
    rows = job_rows(variants, 50)
    assert rows[0] == "job 0   baseline  made for a test"
    assert rows[1] == "job 1   v0        optimizer.learning_rate: 0.1 .."
    assert job_rows(variants[1:2], 200) == ["job 0  v0  optimizer.learning_rate: 0.1 -> 0.2, x: 1 -> 2"]


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 10, "short"),
        ("exactly 10", 10, "exactly 10"),
        ("one two three", 10, "one two .."),
        ("a\nb", 9, "a b"),
    ],
)
def test_a_text_is_cut_with_a_mark(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_a_long_list_says_how_much_is_left() -> None:
    assert list(few(["a", "b", "c"], 2, "job")) == ["a", "b", "... and 1 job more"]
    assert list(few(["a", "b"], 2, "job")) == ["a", "b"]
