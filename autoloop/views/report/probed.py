"""What the probes of the learning rate showed, for reports."""

from __future__ import annotations

from autoloop.stopping.probes import goes_on
from autoloop.study.record import Study
from autoloop.views.report import text


def probed(study: Study) -> str:
    """Return what the probes showed, in one sentence without its full stop; empty where there were none."""
    found = study.probed
    if found is None:
        return ""
    jobs = sorted(found.values, key=lambda job: study.jobs[job].place)
    values = ", ".join(f"{study.jobs[job].name} {text.number(found.values[job])}" for job in jobs)
    best = None if found.best is None else study.jobs[found.best].name
    cost = sum(study.tally.probes.values())
    return (
        f"The learning rate is judged at step {found.step}: {goes_on(best)} ({values}); "
        f"max_jobs counts the probes as {cost:.3g} jobs"
    )
