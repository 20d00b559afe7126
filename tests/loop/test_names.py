"""Every job of a study is told from every other, whatever plans it and whatever runs beside it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autoloop.config.settings import Settings
from autoloop.curves.metrics import Metrics
from autoloop.edits import apply
from autoloop.edits.variants import Variant, signature
from autoloop.errors import AutoloopError, JournalError
from autoloop.loop.due import Limits
from autoloop.loop.filling import Round
from autoloop.loop.score import outcomes, pairs, standings, verdicts
from autoloop.loop.steps import Reseed, TakeBack
from autoloop.rules.base import Decision
from autoloop.runner.plan import Points
from autoloop.runner.planning import Planner
from autoloop.store.journal import Journal, read_study
from autoloop.strategies.base import Situation, Strategy
from autoloop.study.events import read_event
from autoloop.study.record import Event, Job, Plan, Study
from autoloop.study.schedule import job_numbers
from autoloop.views.export.rows import job_rows
from autoloop.views.report.data import autorun_summary, best
from autoloop.views.report.facts import Facts
from autoloop.views.report.html import html
from autoloop.views.report.markdown import markdown
from autoloop.views.report.why import why
from tests.helpers.studies import (
    event_of,
    job_event,
    replay,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)
from tests.loop.test_order import JsonComposer

START: dict[str, Any] = {"x": 0, "y": 0, "seed": 0}
CLASHING = ("baseline", "r2_near", "baseline-seed1", "r2_near-without-x", "baseline")
STATES = ("COMPLETE", "COMPLETE", "COMPLETE", "FAILED", "STOPPED", "INFEASIBLE", "INTERRUPTED")


class Anything(Strategy):
    """Proposes steps that were never taken, from any finished trial, by two rules."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.steps = chance, 0
        self.wanted: dict[tuple[str, ...], str] = {}  # edits -> name of the trial they are proposed for

    def propose(self, situation: Situation) -> list[Decision]:
        return [self._step(list(situation.trials), situation.round) for _ in range(3)]

    def _step(self, trials: Sequence[str], number: int) -> Decision:
        self.steps += 1
        rule, parent, knob = (self.chance.choice(some) for some in (["near", "far"], trials, "xy"))
        edits = (f"{knob}@set={1000 * number + self.steps}",)
        self.wanted[edits] = parent
        return Decision(rule, parent, "a step", edits=edits)


class Course:
    """A study on which anything that may happen happens in any order, and what is true of it.

    Attributes:
        study: The record, which takes events as a journal does.
        events: They.
        results: Number of a job that completed -> its objective.
    """

    def __init__(self, seed: int, goal: str) -> None:
        self.chance = random.Random(seed)
        self.study, self.events = Study(), list[Event]()
        self.results: dict[int, float] = {}
        self.strategy = Anything(self.chance)
        options = Settings(Limits(rounds=9), (), self.strategy, Metrics(objective="loss"), {})
        self.planner = Planner(options, JsonComposer(), Path())  # type: ignore[arg-type]
        self.record("study", objective={"metric": "loss", "goal": goal, "stat": "last"})
        about = ("baseline", (), None, "baseline", "start", {}, "")
        start = Variant(*about, (json.dumps(START),), START, signature(START))
        named = [
            replace(start, name=name, edits=(f"x@set={place + 1}",), rule="variants")
            for place, name in enumerate(CLASHING)
        ]
        self.plan(self.planner.first(Points((), (start,), tuple(named))))

    def record(self, kind: str, **fields: Any) -> None:
        self.events.append({"event": kind, "v": 1, "time": float(len(self.events)), **fields})
        self.study.admit(read_event(self.events[-1]))

    def plan(self, planned: Round, **aim: str) -> None:
        jobs = job_numbers(self.study, planned.variants)
        entries = [
            {"job": jobs[one.name], **{name: getattr(one, name) for name in Plan.__dataclass_fields__}}
            for one in planned.variants
        ]
        self.record("round", round=planned.number, variants=entries, refused=[], **aim)
        if self.chance.random() < 0.5:  # an earlier process planned the others
            self.planner.remember(self.study, planned.variants)

    def do_plan(self) -> None:
        if any(job.state for job in self.study.counted()):
            number = self.study.rounds[-1] + self.chance.choice([0, 0, 1])
            self.plan(self.planner.next(self.study, number, self.chance.choice([1, 1, None])))

    def do_start(self) -> None:
        job = self.one_of(self.study.waiting())
        if job:
            self.record("job", job=job.job, run_dir=str(job.job), slot=0)

    def do_end(self) -> None:
        job = self.one_of(self.study.running())
        if job:
            state, value = self.chance.choice(STATES), self.chance.uniform(1, 2)
            if state == "COMPLETE":
                self.results[job.job] = value
            fields = {"objective": value if state == "COMPLETE" else None, "steps": 1, "error": ""}
            self.record("trial", job=job.job, state=state, summary={}, **fields)

    def do_try_again(self) -> None:
        job = self.one_of(self.study.troubled())
        if job:
            self.record("requeue", job=self.study.next_job, of=job.job)

    def do_decide(self) -> None:
        jobs = self.study.unjudged()
        said = [
            {
                "trial": job.name,
                "rule": "near",
                "edits": [f"x@set={job.job + 7}"],
                "reason": "so",
                "evidence": {},
            }
            for job in jobs
        ]
        self.record(
            "decisions", round=self.study.rounds[-1], decisions=said, judged=[job.job for job in jobs]
        )

    def do_measure(self) -> None:
        job = self.one_of([job for job in self.study.counted() if job.known and not job.measures])
        if job:
            repeats = Reseed("race", (job.name,), (self.chance.randint(1, 3),))
            step = self.chance.choice([repeats, TakeBack("ablate", job.name, (("x",),))])
            self.plan(self.planner.measure(self.study, step), aim=step.aim)

    def do_resume(self) -> None:
        self.record("resume")

    def one_of(self, jobs: Sequence[Job]) -> Job | None:
        return self.chance.choice(jobs) if jobs else None


ACTIONS: tuple[Callable[[Course], None], ...] = (
    Course.do_plan,
    Course.do_start,
    Course.do_start,
    Course.do_end,
    Course.do_end,
    Course.do_try_again,
    Course.do_decide,
    Course.do_measure,
    Course.do_resume,
)


def by_older_version(events: Sequence[Event]) -> list[Event]:
    """The same events with the names that an older version gave: only those of ended jobs were taken."""
    study, renamed, written = Study(), dict[str, str](), list[Event]()
    for event in events:
        if event["event"] == "round":
            ended = {renamed[job.name] for job in study.counted() if job.state is not None}
            for entry in event["variants"]:
                stem = entry["name"] if event["round"] == 1 else f"r{event['round']}_{entry['rule']}"
                old = next(n for n in [stem, *(f"{stem}_{k}" for k in range(2, 99))] if n not in ended)
                renamed[entry["name"]] = old
                ended |= {old} if event["round"] == 1 else set()
        study.record(read_event(event))
        written.append(_with_names(event, renamed))
    return written


def _with_names(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: renamed.get(item, item)
            if key in ("name", "parent", "trial", "judged") and isinstance(item, str)
            else _with_names(item, renamed)
            for key, item in value.items()
        }
    return [_with_names(item, renamed) for item in value] if isinstance(value, list) else value


def check(study: Study, results: dict[int, float], goal: str) -> None:
    """No name is given twice, and every result is found, as its own job's."""
    names = {job.place: job.name for job in study.jobs.values()}
    assert len({*names.values()}) == len(names)
    assert all(study.by_name(job.name) is study.jobs[job.job] for job in study.counted())
    counted = {job.job: job for job in study.counted()}
    assert {number for number, job in counted.items() if job.known} == {*results}
    assert {row["job"]: row["objective"] for row in job_rows(study)} == {n: results.get(n) for n in counted}
    facts, summary = Facts(study), autorun_summary(study)
    assert {job.job for job in facts.jobs} == {*counted}
    assert {str(number) for number in results} <= {*summary}
    text = markdown(study)
    assert all(f"### Job {number}: " in text for number in counted)
    searched = {n: value for n, value in results.items() if not counted[n].measures}
    assert {study.at(place).job: v for place, v in standings(study).items()}.keys() == searched.keys()  # type: ignore[union-attr]
    pick = max if goal == "max" else min
    found = study.best()
    assert (found.job if found else None) == pick(searched, key=lambda n: searched[n], default=None)
    told = best(study)
    assert not told or told["objective"]["value"] == results[told["job"]]
    assert {*verdicts(study)} == {pair.child.place for pair in pairs(study)}
    assert len(outcomes(study)) <= len(pairs(study))
    for job in counted.values():
        parent = study.parent(job)
        assert (parent.name if parent else None) == job.plan.parent
        assert facts.parent(job) is parent


@given(
    st.lists(st.sampled_from(ACTIONS), min_size=25, max_size=80),
    st.integers(0, 10**6),
    st.sampled_from(["min", "max"]),
)
@settings(max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate])
def test_whatever_happens_in_whatever_order_no_result_is_lost(
    actions: list[Callable[[Course], None]], seed: int, goal: str
) -> None:
    """Jobs that are planned, start, end, fail, run again and are measured, job by job, in any order.

    So it is of the study that wrote the journal, of what reads it, and of a journal that an older version
    wrote of the same, with names given twice.
    """
    course = Course(seed, goal)
    for action in actions:
        action(course)
    ideas = [job for job in course.study.counted() if job.origin is not None and not job.measures]
    for job in ideas:
        parent = course.study.parent(job)
        assert job.plan.parent == course.strategy.wanted.get(job.plan.edits, "baseline")
        assert parent is not None
        assert _config(job) == apply(job.plan.edits, _config(parent))
    check(course.study, _latest(course), goal)
    for events in (course.events, by_older_version(course.events)):
        check(replay(json.loads(json.dumps(events))), _latest(course), goal)


def _config(job: Job) -> dict[str, Any]:
    return dict(json.loads(job.plan.overrides[0]))


def _latest(course: Course) -> dict[int, float]:
    return {
        number: value
        for number, value in course.results.items()
        if course.study.jobs[number].retried_by is None
    }


def test_names_are_given_twice_where_an_older_version_wrote_the_journal() -> None:
    """What the property above relies on: such journals come up, and are not equal to what is written now."""
    course = Course(1, "min")
    for action in [Course.do_start, Course.do_end, *[Course.do_plan] * 4] * 3:
        action(course)
    study = replay(by_older_version(course.events))
    assert study.doubled
    assert not course.study.doubled


OLD = [
    {**study_event(command="python app.py -m"), "v": 1},
    {**round_event(1, variant_entry(0, "baseline")), "v": 1},
    {**job_event(0), "v": 1},
    {**trial_event(0, objective=1.0), "v": 1},
    *(
        {
            **round_event(
                2, variant_entry(number, "r2_sample", parent="baseline", overrides=[f"lr={number}"])
            ),
            "v": 1,
        }
        for number in (1, 2)
    ),
    {**job_event(1), "v": 1},
    {**job_event(2), "v": 1},
    {**trial_event(2, objective=0.1757), "v": 1},
    {**round_event(3, variant_entry(3, "r3_sample", parent="r2_sample", rule="near")), "v": 1},
    {**trial_event(1, objective=0.366), "v": 1},
    {
        "event": "decisions",
        "v": 1,
        "time": 0.0,
        "round": 2,
        "judged": [1, 2],
        "decisions": [
            {"trial": "r2_sample", "rule": "near", "edits": ["lr@mul=2"], "reason": "so", "evidence": {}}
        ],
    },
]
"""Two jobs of one name, the latter of which is the best: what an older version announced as 0.366."""


def test_a_journal_of_an_older_version_with_a_name_given_twice_tells_each_result_as_its_own_job_s(
    tmp_path: Path,
) -> None:
    (tmp_path / "study.jsonl").write_text("".join(json.dumps(event) + "\n" for event in OLD))
    study = read_study(tmp_path)
    assert [(job.job, job.name, job.objective) for job in study.counted()][1:3] == [
        (1, "r2_sample", 0.366),
        (2, "r2_sample.job2", 0.1757),
    ]
    told = best(study)
    assert (told["job"], told["overrides"], told["objective"]["value"]) == (2, ["lr=2"], 0.1757)
    assert study.parent(study.jobs[3]) is study.jobs[2]  # which had ended when it was planned, job 1 had not
    assert {row["job"]: row["objective"] for row in job_rows(study)} == {0: 1.0, 1: 0.366, 2: 0.1757, 3: None}
    assert "Best: `r2_sample.job2` with 0.1757" in markdown(study)
    assert html(study).count('id="job-2"') == html(study).count('id="job-1"') == 1
    assert [number for number, job in study.jobs.items() if study.fired.get(job.place)] == [2]


def test_why_takes_a_number_and_asks_for_one_where_a_name_is_that_of_several_jobs() -> None:
    study = replay(OLD)
    assert why(study, "2").startswith("r2_sample.job2\n")
    assert why(study, "2") == why(study, 2) == why(study, "r2_sample.job2")
    with pytest.raises(AutoloopError, match="'r2_sample' stands for 2 jobs of this study: ") as caught:
        why(study, "r2_sample")
    assert "job 1 (r2_sample, 0.366), job 2 (r2_sample.job2, 0.1757); give the number of one" in str(
        caught.value
    )


def test_why_does_not_take_a_number_for_a_name_that_is_one() -> None:
    study = replay([study_event(), round_event(1, *(variant_entry(n, name) for n, name in enumerate("a0")))])
    with pytest.raises(AutoloopError, match=r"'0' stands for 2 jobs .* give the other's number or name"):
        why(study, "0")
    assert why(study, 0).startswith("a\n")
    assert why(study, "1").startswith("0\n")


def test_a_study_that_goes_on_means_by_a_name_what_it_calls_so_itself(tmp_path: Path) -> None:
    """A journal of an older version that a later process goes on with: its own words are exact."""
    (tmp_path / "study.jsonl").write_text("".join(json.dumps(event) + "\n" for event in OLD))
    with Journal(tmp_path) as journal:
        journal.append(event_of("resume", names="unique"))
        entries = [
            variant_entry(4, "first", parent="r2_sample"),
            variant_entry(5, "second", parent="r2_sample.job2"),
        ]
        journal.append(event_of("round", round=4, variants=entries, refused=[]))
    study = read_study(tmp_path)
    assert [study.parent(study.jobs[number]) for number in (4, 5)] == [study.jobs[1], study.jobs[2]]


@pytest.mark.parametrize("names", [("r2_a", "r2_a"), ("baseline",)])
def test_no_job_is_planned_under_the_name_of_another(names: tuple[str, ...], tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(event_of("study"))
        journal.append(event_of("round", round=1, variants=[variant_entry(0, "baseline")], refused=[]))
        before = journal.path.read_bytes()
        with pytest.raises(JournalError, match="another job of the study has that name"):
            entries = [variant_entry(number, name) for number, name in enumerate(names, start=1)]
            journal.append(event_of("round", round=2, variants=entries, refused=[]))
        assert journal.path.read_bytes() == before
        assert [job.name for job in journal.study.counted()] == ["baseline"]


def test_no_number_is_given_twice() -> None:
    twice = [study_event(), round_event(1, variant_entry(0, "a")), round_event(2, variant_entry(0, "b"))]
    with pytest.raises(JournalError, match="job 0 is planned twice"):
        replay(twice)
