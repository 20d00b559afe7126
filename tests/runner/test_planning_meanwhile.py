"""While a round is planned, which may take long, what happens meanwhile is journaled at once."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from autoloop.loop.filling import Round
from autoloop.loop.steps import Limits, PlanRound
from autoloop.runner.stepping import Stepper
from autoloop.store.journal import Journal
from autoloop.study.events import read_event
from tests.helpers.studies import event_of, trial_event, variant_entry


class _Planner:
    """Plans for as long as another thread needs to write a line, as a slow outside program would."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.written = False

    def next(self, study: Any, number: int, places: int | None = None) -> Round:
        def end() -> None:
            self.journal.append(read_event(trial_event(0)))
            self.written = True

        writer = threading.Thread(target=end, daemon=True)
        writer.start()
        writer.join(30)
        assert study.jobs[0].state is None, "what is planned with does not change"
        return Round(number, {}, silence="the end of a job was written meanwhile")

    def remember(self, *_: Any) -> None:
        """Keep nothing."""


def test_the_end_of_a_job_does_not_wait_for_a_plan(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", command="x"))
        journal.append(event_of("round", round=1, variants=[variant_entry(0, "baseline")], refused=[]))
        journal.append(event_of("job", job=0, run_dir="0"))
        planner = _Planner(journal)
        unused: Any = SimpleNamespace()
        limited: Any = SimpleNamespace(limits=Limits())
        steps = Stepper(journal, limited, planner, Round(1, {}), unused, unused, print, print)  # type: ignore[arg-type]
        steps.take(PlanRound(2))
        assert planner.written
        assert journal.study.jobs[0].state is not None
