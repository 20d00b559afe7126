"""The probe of the learning rate in the record of a study: what is due, its cost, what a journal replays."""

from __future__ import annotations

from typing import Any

import pytest

from autoloop.loop.due import Decide, Limits, PlanRound, Step, Stop, Wait, next_step
from autoloop.loop.probing import best_rate
from tests.helpers.studies import (
    decisions_event,
    job_event,
    replay,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)

PROBE: dict[str, Any] = {"rule": "probe", "parent": "v0", "evidence": {"factor": 4.0, "until": 2, "of": 10}}
BASE = [
    study_event(),
    round_event(1, variant_entry(0, "v0"), *(variant_entry(n, f"v{n}", **PROBE) for n in (1, 2, 3))),
    *(job_event(number) for number in range(4)),
]


def judged(best: int | None = None) -> dict[str, Any]:
    values = {"0": 1.0, "1": 0.5, "2": 2.0, "3": None}
    return {"event": "probed", "time": 0.0, "step": 2, "values": values, "best": best}


def stopped(*numbers: int) -> list[dict[str, Any]]:
    why = {"rule": "probe", "reason": "behind", "step": 2, "evidence": {}}
    return [
        event
        for number in numbers
        for event in (
            {"event": "stopping", "time": 0.0, "job": number, **why},
            {**trial_event(number, "STOPPED", 2.0), "steps": 2},
        )
    ]


def more(*numbers: int) -> dict[str, Any]:
    entries = (variant_entry(number, f"v{number}", rule="sample", parent="v0") for number in numbers)
    return {**round_event(1, *entries), "aim": "probe"}


def due(*events: dict[str, Any], **limits: Any) -> Step:
    return next_step(replay([*BASE, *events]), Limits(**{"rounds": 3, **limits}))


def test_nothing_is_decided_before_the_probes_are_judged() -> None:
    assert due() == Wait()
    assert due(*stopped(2)) == Wait()


@pytest.mark.parametrize(("best", "places"), [(1, 2), (None, 3)])
def test_then_round_1_gets_a_job_for_each_probe_that_does_not_go_on(best: int | None, places: int) -> None:
    assert due(judged(best)) == PlanRound(1, places=places, aim="probe")
    assert due(judged(best), more(4, 5)) != PlanRound(1, places=places, aim="probe")


def test_probes_that_all_ended_before_anybody_looked_are_judged_by_their_results() -> None:
    ends = [trial_event(0, objective=1.0), trial_event(1, objective=0.5), *stopped(2, 3)]
    assert due(*ends) == PlanRound(1, places=2, aim="probe")
    assert best_rate(replay([*BASE, *ends])).name == "v1"


def test_where_nothing_can_be_added_the_study_goes_on() -> None:
    ends = [judged(), *stopped(1, 2, 3), trial_event(0)]
    assert due(*ends, more()) == Decide(1)


def test_a_probe_counts_as_the_part_of_a_training_that_it_is() -> None:
    """0.2 each while it is short; 1 once it goes on; what a failed one trained."""
    assert replay(BASE).searched == pytest.approx(1.6)
    assert replay([*BASE, judged(1)]).searched == pytest.approx(2.4)
    ended = [*BASE, judged(1), *stopped(2, 3), {**trial_event(1), "steps": 10}]
    assert replay(ended).searched == pytest.approx(2.4)


def test_a_budget_of_jobs_counts_whole_trainings() -> None:
    whole = [judged(1), *stopped(2, 3), more(4, 5), job_event(4), job_event(5)]
    assert due(judged(1), max_jobs=3) != PlanRound(1, places=2, aim="probe")
    assert due(judged(1), max_jobs=4) == PlanRound(1, places=1, aim="probe")
    ends = [trial_event(number) for number in (0, 1, 4, 5)]
    said = {**decisions_event(1), "judged": list(range(6))}
    assert due(*whole, *ends, said, max_jobs=6) == PlanRound(2)
    assert due(*whole, *ends, said, max_jobs=5) == Stop(
        "4.4 of 5 jobs (max_jobs) are done, and a whole one is too many"
    )


def test_a_journal_replays_what_the_probes_showed() -> None:
    """Event by event and all at once are one study."""
    events = [*BASE, judged(1), *stopped(2, 3), more(4, 5), job_event(4), trial_event(4)]
    study, copied = replay(events), replay(events[:-1]).copy()
    assert study.probed is not None
    assert (study.probed.best, study.jobs[1].goes_on) == (1, True)
    assert copied.searched == study.searched
    assert type(study.tally).of(study.jobs.values(), study.judged, False).probes == study.tally.probes


def test_a_probe_that_goes_on_does_so_in_its_next_try_too() -> None:
    """Where the machine ended it, or somebody the whole study."""
    lost = [judged(1), trial_event(1, "INTERRUPTED"), {"event": "requeue", "time": 0.0, "job": 9, "of": 1}]
    study = replay([*BASE, *lost, job_event(9)])
    assert study.jobs[9].goes_on
    assert study.searched == pytest.approx(2.4)
    assert best_rate(study).plan == study.jobs[9].plan
