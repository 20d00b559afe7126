"""The table of docs/clusters.md says what the tests of this directory and the code know."""

from __future__ import annotations

import pytest

from autoloop.engine.other_launchers import KINDS, kind_of
from tests.engine.launchers.test_every_launcher import BASIC, JOBLIB, RAY, SUBMITIT, Launcher
from tests.helpers.places import ROOT

PAGE = ROOT / "docs" / "clusters.md"


def rows() -> dict[str, list[str]]:
    """Launcher -> the cells of its row."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("| launcher | jobs |"))
    table = [line for line in lines[begin + 2 : begin + 12] if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {name.strip("`"): others for name, *others in cells}


def test_every_known_launcher_has_a_row():
    assert {"slots", "slurm", "any other", *(kind.name for kind in KINDS.values())} == set(rows())


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_table_says_how_jobs_are_handed_over(kind):
    """One by one, so that a place is filled again at once, or in batches."""
    jobs, place, *_ = rows()[kind.name]
    assert (place == "is filled at once") == kind.singly
    assert ("batches of `n_jobs`" in jobs) == (not kind.singly and kind.batch is None)


@pytest.mark.parametrize("launcher", [BASIC, JOBLIB, SUBMITIT, RAY], ids=lambda launcher: launcher.name)
def test_the_table_says_what_a_killed_job_costs(launcher: Launcher):
    """As the tests of that launcher have it."""
    killed = rows()[launcher.name][2]
    assert ("ends the study" in killed) == (not launcher.survives_kill)
    assert ("again" in killed) == (launcher.tries_of_killed > 1)
    assert killed.endswith("one failed trial") == launcher.survives_kill


def test_an_unknown_launcher_is_given_batches():
    class Odd:
        pass

    kind = kind_of(Odd())  # type: ignore[arg-type]
    assert (kind.name, kind.singly, kind.batch) == ("Odd", False, None)
