"""The knobs of a study: what each job's lineage changed, worked out when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from autoloop.study.record import Job

if TYPE_CHECKING:
    from autoloop.views.report.facts import Facts

KNOBS_KEPT = 4096  # jobs whose knobs are kept at hand


class Knobs(Mapping[int, Mapping[str, Any]]):
    """Job number -> value of every path that its lineage changed; those asked for latest are kept."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[int, dict[str, Any]] = {}

    def __getitem__(self, number: int) -> dict[str, Any]:
        job = self._facts.study.jobs[number]
        if job.retried_by is not None:
            raise KeyError(number)
        return self.keep(job)

    def keep(self, job: Job) -> dict[str, Any]:
        """The values of a job, kept from now on as long as there is room."""
        line: list[Job] = []
        above: Job | None = job
        while above is not None and above.job not in self._known:
            line.append(above)
            above = self._facts.parent(above)
        found = {} if above is None else self._known.pop(above.job)
        if above is not None:
            self._known[above.job] = found  # the latest asked for stands last
        for one in reversed(line):
            changes = one.plan.changes
            found = {**found, **{path: new for path, _, new in changes}} if changes else found
            self._known[one.job] = found
        while len(self._known) > KNOBS_KEPT:
            del self._known[next(iter(self._known))]
        return found

    def __iter__(self) -> Iterator[int]:
        return (job.job for job in self._facts.jobs)

    def __len__(self) -> int:
        return len(self._facts.jobs)
