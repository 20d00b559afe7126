"""What earlier studies tell of one app: knobs, places of failures, noise, and what is passed over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autoloop.curves.objective import Objective
from autoloop.edits.variants import Variant
from autoloop.errors import ConfigError
from autoloop.loop.score import noise
from autoloop.runner.memory import memory_of, remember
from autoloop.store.journal import Journal
from autoloop.strategies.failed import not_disproved
from autoloop.study.events import Learnt, read_event
from autoloop.study.record import Study
from autoloop.study.trials import Trial, TrialState
from autoloop.views.report.why import why
from tests.helpers.studies import repeat_of, round_event, study_event, study_of, trial_event, variant_entry

AIM = Objective("eval/l1", "min")


def test_the_noise_floor_starts_from_that_of_the_earlier_studies() -> None:
    """Until this study has run a config with two seeds; the source names the study."""
    old = study_of({"name": "baseline", "objective": 1.0}, repeat_of("baseline", 7, 1.2))
    learnt = memory_of([("monday", old)]).learnt
    assert learnt is not None
    assert learnt.noise_pct == pytest.approx(noise(old).paired_pct)
    assert learnt.notes[-1].startswith("Noise until this study has measured it: ")
    new = study_of({"name": "baseline", "objective": 5.0})
    assert noise(new).source.startswith("assumed")
    new.header = replace(new.header, learnt=learnt)
    assert noise(new).paired_pct == pytest.approx(noise(old).paired_pct)
    assert noise(new).source == (
        "from the earlier study monday, there from 2 runs of one config with several seeds"
    )
    assert "from the earlier study monday" in why(new, "baseline")
    own = study_of({"name": "baseline", "objective": 5.0}, repeat_of("baseline", 7, 5.01))
    measured = noise(own)
    own.header = replace(own.header, learnt=learnt)
    assert noise(own) == measured
    assert "monday" not in why(own, "baseline")


def test_noise_that_no_earlier_study_measured_is_not_taken_over() -> None:
    learnt = memory_of([("monday", study_of({"name": "baseline", "objective": 1.0}))]).learnt
    assert learnt is not None
    assert learnt.noise_pct is None


def test_what_was_learnt_is_read_back_from_the_journal() -> None:
    learnt = Learnt(notes=("Learns from monday.",), noise_pct=0.7, source="from monday")
    begun = replace(read_event(study_event()), learnt=learnt)  # type: ignore[call-arg]
    assert read_event(begun.as_record()) == begun
    assert "learnt" not in read_event(study_event()).as_record()


def failures(error: str, state: str = "FAILED") -> Study:
    """A study in which a larger ``dropout`` failed twice, and one job ignored ``decay``."""
    entries = [
        variant_entry(0, "baseline", reason="start"),
        *(
            variant_entry(n, f"child{n}", reason="more", parent="baseline", changes=[["dropout", 0.1, value]])
            for n, value in enumerate((0.3, 1.2, 2.0), 1)
        ),
    ]
    ends = [trial_event(n, "COMPLETE" if n < 2 else state, 0.5 if n < 2 else None) for n in range(4)]
    told = [{**end, "error": error if end["state"] == state else ""} for end in ends]
    told[1] |= {"unheeded": ["decay"]}
    config = {"dropout": 0.1, "decay": 0.0}
    return Study.replay(map(read_event, (study_event(config=config), round_event(1, *entries), *told)))


def test_where_jobs_failed_and_which_knobs_were_ignored_is_known_with_its_source() -> None:
    memory = memory_of([("monday", failures("probability has to be between 0 and 1"))])
    assert [one.description for one in memory.closed] == [
        "dropout from 1.2 on, where jobs 2 and 3 of monday failed"
    ]
    assert [one.path for one in memory.ignored] == ["decay"]
    assert "child1 of the earlier study monday" in memory.ignored[0].why
    assert "The trainer ignored decay in monday: no rule or sampler changes it here." in memory.notes
    assert (
        "No job goes to dropout from 1.2 on, where jobs 2 and 3 of monday failed, unless you ask for it."
        in (memory.notes)
    )


@pytest.mark.parametrize(
    ("error", "state"), [("CUDA out of memory", "FAILED"), ("took longer than 10 minutes", "TIMEOUT")]
)
def test_what_only_failed_on_that_machine_is_not_held_against_settings(error: str, state: str) -> None:
    assert memory_of([("monday", failures(error, state))]).closed == ()


def test_a_region_in_which_a_trial_came_through_here_is_open_again() -> None:
    closed = memory_of([("monday", failures("refused"))]).closed

    def trial(dropout: float, state: TrialState) -> Trial:
        config: dict[str, Any] = {"dropout": dropout}
        return Trial(Variant("a", (), None, "x", "y", {}, "", (), config, "s"), 0, 1, "0", state, 0.5)

    assert not_disproved(closed, [trial(0.2, TrialState.COMPLETE)]) == list(closed)
    assert not_disproved(closed, [trial(1.5, TrialState.FAILED)]) == list(closed)
    assert not_disproved(closed, [trial(1.5, TrialState.COMPLETE)]) == []


def written(directory: Path, **fields: Any) -> Path:
    with Journal(directory) as journal:
        journal.append(read_event(study_event(task="app", **fields)))
    return directory


def test_what_is_passed_over_is_told_with_the_reason(tmp_path: Path) -> None:
    """A study of another app, of another objective, of another direction, beside one that fits."""
    fitting = written(tmp_path / "fitting")
    with Journal(tmp_path / "other") as journal:
        journal.append(read_event(study_event(task="another")))
    written(tmp_path / "loss", objective={"metric": "loss", "goal": "min", "stat": "last"})
    written(tmp_path / "up", objective={"metric": "eval/l1", "goal": "max", "stat": "last"})
    memory = remember([str(tmp_path)], tmp_path / "new", "new", "app", AIM)
    assert memory.keys == (str(fitting.resolve()),)
    notes = memory.notes
    assert notes[0].startswith(f"Learns from {fitting}")
    assert set(notes[1:]) == {
        f"Passed over: {tmp_path / 'other'} is a study of 'another', not of 'app'.",
        f"Passed over: {tmp_path / 'loss'} is judged by loss, not by eval/l1.",
        f"Passed over: {tmp_path / 'up'} wants eval/l1 max, not min.",
    }


def test_a_named_directory_with_nothing_fitting_is_an_error_with_the_reason(tmp_path: Path) -> None:
    written(tmp_path / "loss", objective={"metric": "loss", "goal": "min", "stat": "last"})
    with pytest.raises(ConfigError, match="is judged by loss, not by eval/l1"):
        remember([str(tmp_path)], tmp_path / "new", "new", "app", AIM)


def test_auto_passes_over_others_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(Path("runs/1"))
    written(Path("runs/2"), objective={"metric": "loss", "goal": "min", "stat": "last"})
    notes = remember(["auto"], Path("runs/3"), "runs/${now:%S}", "app", AIM).notes
    assert notes[0].startswith("Learns from runs/1")
    assert notes[1] == "Passed over: runs/2 is judged by loss, not by eval/l1."


def test_a_damaged_entry_of_a_journal_ends_nothing() -> None:
    bad = study_of({"name": "baseline", "objective": 1.0}, {"name": "a", "objective": 2.0, "reason": ""})
    bad.header = replace(bad.header, config={"lr": 1})
    memory = memory_of([("monday", bad), ("tuesday", study_of({"name": "baseline", "objective": 1.0}))])
    assert memory.notes[0].startswith("Passed over: monday: ")
    assert {one.study for one in memory.trials} == {"tuesday"}
