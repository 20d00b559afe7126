"""The watcher: reads histories as they grow, asks the rules, and tells once of a job that is to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from autoloop.curves.metrics import Metrics
from autoloop.engine.watcher import Watcher
from autoloop.stopping import Behind, Explosion, Live, NotFinite, StopDecision, StopRule
from autoloop.stopping.watching import Watching
from autoloop.study.record import Job
from tests.helpers import wandb_file
from tests.helpers.studies import job_event, replay, round_event, study_event, trial_event, variant_entry

FALLING = [1.0 - 0.08 * step for step in range(10)]


class Room:
    """A study of a parent that ended and children that run."""

    def __init__(self, tmp_path: Path, rules: Sequence[StopRule], **watching: Any) -> None:
        self.dir = tmp_path
        children = [variant_entry(1, "child", parent="parent", rule="x")]
        children.append(variant_entry(2, "again", parent="parent", rule="repeat"))
        events = [study_event(), round_event(1, variant_entry(0, "parent")), job_event(0)]
        events += [trial_event(0, objective=0.2), round_event(2, *children), job_event(1), job_event(2)]
        self.study = replay(events)
        self.log(0, FALLING)
        self.ended: list[tuple[str, str]] = []
        self.watcher = Watcher(
            Watching(tuple(rules), **{"protect_top": 0, "interval_s": 0.01, **watching}),
            Metrics(objective="eval/l1", aliases={"eval/l1": ("eval/old_l1",)}),
            tmp_path,
            lambda: self.study,
            self._end,
        )

    def _end(self, job: Job, decision: StopDecision) -> None:
        self.ended.append((job.name, decision.rule))

    def log(self, job: int, values: Sequence[float], metric: str = "eval/l1") -> None:
        rows = [wandb_file.row(100 * (n + 1), {metric: value}) for n, value in enumerate(values)]
        wandb_file.log(self.dir / str(job), [wandb_file.run(), *rows])


class Asked(StopRule):
    """Ends nothing; notes how long the curves are that a job is compared with."""

    name = "asked"

    def judge(self, live: Live) -> StopDecision | None:
        self.lengths = [len(series) for series in live.ended]
        assert [len(series) for series in live.ended[:1]] == self.lengths[:1]
        return None


def test_a_job_is_judged_by_what_it_has_logged_so_far_and_ended_once(tmp_path: Path) -> None:
    room = Room(tmp_path, [Behind(name="behind")])
    for count in (1, 3, 4, 5, 6):
        room.log(1, [1.0] * count)
        room.watcher.look()
    assert room.ended == [("child", "behind")]


def test_a_job_that_keeps_up_is_let_run(tmp_path: Path) -> None:
    room = Room(tmp_path, [Behind(name="behind")])
    room.log(1, FALLING)
    room.watcher.look()
    assert room.ended == []


def test_older_names_of_metrics_are_known(tmp_path: Path) -> None:
    room = Room(tmp_path, [Behind(name="behind")])
    room.log(1, [1.0] * 8, metric="eval/old_l1")
    room.watcher.look()
    assert room.ended == [("child", "behind")]


def test_repeats_are_spared_but_for_what_is_broken(tmp_path: Path) -> None:
    room = Room(tmp_path, [Behind(name="behind"), NotFinite(name="nan", metrics="eval/l1")])
    room.log(2, [1.0] * 8)
    room.watcher.look()
    assert room.ended == []
    room.log(2, [1.0] * 8 + [float("nan")] * 2)
    room.watcher.look()
    assert room.ended == [("again", "nan")]


@pytest.mark.parametrize(("top", "ended"), [(1, 1), (2, 0)])
def test_the_best_jobs_so_far_are_protected(tmp_path: Path, top: int, ended: int) -> None:
    room = Room(tmp_path, [Behind(name="behind")], protect_top=top)
    room.log(1, [1.0] * 8)  # second to the parent
    room.watcher.look()
    assert len(room.ended) == ended


def test_a_parent_that_had_not_ended_when_the_child_was_planned_is_no_reference(tmp_path: Path) -> None:
    """Else it would depend on the machine how much of its curve there is."""
    room = Room(tmp_path, [Behind(name="behind")])
    both = round_event(1, variant_entry(0, "parent"), variant_entry(1, "child", parent="parent"))
    room.study = replay([study_event(), both, job_event(0), job_event(1), trial_event(0, objective=0.2)])
    room.log(1, [1.0] * 8)
    room.watcher.look()
    assert room.ended == []


def test_a_job_is_compared_with_what_had_ended_when_it_was_planned_up_to_where_it_counts(
    tmp_path: Path,
) -> None:
    """A stopped job went on for a while; one that crashed or repeats, or had not ended, is no measure."""
    asked = Asked()
    room = Room(tmp_path, [asked])
    others = [variant_entry(1, "stopped", parent="parent"), variant_entry(2, "crashed", parent="parent")]
    others += [variant_entry(3, "again", parent="parent", rule="repeat")]
    why = {"rule": "x", "reason": "worse", "step": 300, "evidence": {}}
    events = [study_event(), round_event(1, variant_entry(0, "parent"), *others)]
    events += [job_event(0), job_event(1), job_event(2), job_event(3), trial_event(0, objective=0.2)]
    events += [{"event": "stopping", "v": 1, "time": 5.0, "job": 1, **why}]
    events += [trial_event(1, state="STOPPED", objective=0.9), trial_event(2, state="FAILED")]
    events += [trial_event(3, objective=0.3), round_event(2, variant_entry(4, "child", parent="parent"))]
    room.study = replay([*events, job_event(4)])
    for job in range(5):
        room.log(job, FALLING)
    room.watcher.look()
    assert asked.lengths == [len(FALLING), 3]


def test_a_starting_point_is_never_ended(tmp_path: Path) -> None:
    room = Room(tmp_path, [NotFinite(name="nan", metrics="eval/l1"), Explosion(name="exploded")])
    room.study = replay([study_event(), round_event(1, variant_entry(0, "parent")), job_event(0)])
    room.log(0, [1.0] * 3 + [float("nan")] * 5)
    room.watcher.look()
    assert room.ended == []


def test_a_job_that_ended_before_anybody_looked_is_judged_by_the_same_step(tmp_path: Path) -> None:
    room = Room(tmp_path, [Behind(name="behind")])
    room.log(1, [1.0] * 8)
    late = room.watcher.judge_ended(room.study, room.study.jobs[1])
    assert late is not None
    assert late.step == 400
    room.log(1, FALLING)
    assert room.watcher.judge_ended(room.study, room.study.jobs[1]) is None


def test_a_job_without_a_history_yet_is_let_run(tmp_path: Path) -> None:
    room = Room(tmp_path, [Behind(name="behind"), Explosion(name="exploded")])
    room.watcher.look()
    assert room.ended == []


def test_the_thread_looks_by_itself_until_it_is_closed(tmp_path: Path) -> None:
    room = Room(tmp_path, [Behind(name="behind")])
    room.log(1, [1.0] * 8)
    room.watcher.start()
    for _ in range(500):
        if room.ended:
            break
        room.watcher._closing.wait(0.01)
    room.watcher.close()
    assert room.ended == [("child", "behind")]


def test_a_rule_that_fails_is_told_once_and_ends_no_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(StopRule):
        name = "broken"

        def judge(self, live: Live) -> StopDecision | None:
            raise KeyError("oops")

    room = Room(tmp_path, [Broken()])
    room.log(1, [1.0] * 8)
    room.watcher.look()
    room.watcher.look()
    assert room.ended == []
    assert [record.getMessage() for record in caplog.records] == [
        "stop rule broken fails and ends no job: KeyError: 'oops'"
    ]


def test_what_goes_wrong_at_every_look_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A directory that is gone does not fill the log; after a look that went well it is told anew."""
    room, problems = Room(tmp_path, []), iter(["disk gone", "disk gone", "", "disk gone", "disk full"])

    def look() -> None:
        if problem := next(problems):
            raise OSError(problem)

    room.watcher.look = look  # type: ignore[method-assign]
    for _ in range(5):
        room.watcher._look_safely()
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "disk gone",
        "disk gone",
        "disk full",
    ]


def test_without_rules_no_thread_is_started(tmp_path: Path) -> None:
    room = Room(tmp_path, [])
    room.watcher.start()
    assert room.watcher._thread is None
