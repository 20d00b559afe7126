"""Why a job ran and what came of it, in ten lines."""

from __future__ import annotations

from collections.abc import Sequence

from autoloop.errors import AutoloopError, did_you_mean
from autoloop.loop.score.front_words import describe_mean
from autoloop.study.record import Job, Study
from autoloop.views.report import text
from autoloop.views.report.facts import Facts, noise_note
from autoloop.views.report.probed import probed

LEFT_OUT = 3
"""Most proposals left out that are shown."""


def why(study: Study, job: str | int) -> str:
    """Return the story of one job: where it came from, why, what was expected and what came out.

    Args:
        study: The study.
        job: Name of the job, or its number (also as text).

    Raises:
        AutoloopError: The study has no such job.
    """
    facts = Facts(study)
    found = find_job(facts, job)
    plan, parent = found.plan, facts.parent(found)
    mean = describe_mean(found, facts.averages)
    outcome = f"{text.number(facts.result(found))} {facts.metric}{mean}: {facts.verdict(found)}"
    rows = {
        "job": f"{found.job} of round {found.round}, {_state(found)}",
        "parent": _result(parent) if parent else "none",
        "rule": text.clean(plan.rule) or "none: given by the user",
        "reason": text.clean(plan.reason) or "none given",
        "numbers": text.facts_of(plan.evidence, limit=300) or "none",
        "edits": _edits(found),
        "expected": text.clean(plan.expects) or "nothing stated",
        "came out": text.clean(outcome),
        "children": ", ".join(text.clean(child.name) for child in _children(facts, found)) or "none",
    }
    rows |= {"curves": text.clean(found.details.source)} if found.details.source else {}
    judged = found.probes or any(child.probes for child in _children(facts, found))
    rows |= {"probe": text.clean(probed(study))} if judged and probed(study) else {}
    learnt = study.header.learnt
    if learnt is not None and learnt.source and facts.gains.noise.source == learnt.source:
        rows |= {"noise": text.clean(noise_note(facts))}
    left_out = _left_out(study, found.name)
    rows |= {"left out": left_out} if left_out else {}
    return "\n".join([text.clean(found.name), *(f"  {title + ':':<10}{row}" for title, row in rows.items())])


def find_job(facts: Facts, job: str | int) -> Job:
    """Return the job of that name or number.

    Raises:
        AutoloopError: There is none; the message names the nearest. Or there are several, as in journals of
            older versions, which could give a name twice; the message tells their numbers.
    """
    wanted = str(job)
    study = facts.study
    places = study.doubled.get(wanted, ()) if isinstance(job, str) else ()
    found = [one for place in places if (one := study.at(place))]
    if not found and isinstance(job, str) and wanted in facts.by_name:
        found = [facts.by_name[wanted]]
    if wanted.isdecimal() and int(wanted) in study.jobs:
        found = [*found, study.jobs[int(wanted)]]
    if len({one.place for one in found}) > 1:
        raise AutoloopError(_several(wanted, found))
    if found:
        return found[0]
    if not facts.jobs:
        raise AutoloopError(f"no job {wanted!r}: the study has planned no job yet")
    if wanted.isdecimal():
        raise AutoloopError(f"no job {wanted}: this study's jobs are 0 to {facts.jobs[-1].job}")
    raise AutoloopError(f"no job named {wanted!r} in this study{did_you_mean(wanted, facts.by_name)}")


def _several(wanted: str, found: Sequence[Job]) -> str:
    """What to ask for instead of a name that several jobs have, or that is the number of another job."""
    jobs = ", ".join(f"job {job.job} ({job.name}, {text.number(job.objective)})" for job in found)
    other = "the number of one of them" if not wanted.isdecimal() else "the other's number or name"
    return f"{wanted!r} stands for {len(found)} jobs of this study: {jobs}; give {other}"


def _children(facts: Facts, job: Job) -> Sequence[Job]:
    """The children of a job, whichever of its tries it is."""
    latest = facts.study.at(job.place)
    return () if latest is None else facts.children(facts.jobs).get(latest.job, ())


def _state(job: Job) -> str:
    return job.state.value if job.state else "running" if job.running else "waiting"


def _result(parent: Job) -> str:
    return f"{text.clean(parent.name)} (job {parent.job}, {text.number(parent.objective)})"


def _left_out(study: Study, name: str) -> str:
    """What else was proposed from a job, and why it was not run; empty if nothing was."""
    refused = [one for group in study.refused.values() for one in group if one.trial == name]
    lines = [
        f"{text.clean(' '.join(one.edits))} by {text.clean(one.rule)}: {text.clean(one.why)}"
        for one in refused
    ]
    shown = list(dict.fromkeys(text.shorten(line, 160) for line in lines))
    more = [f"{len(shown) - LEFT_OUT} more (in the report)"] if len(shown) > LEFT_OUT else []
    return "\n            ".join([*shown[:LEFT_OUT], *more])


def _edits(job: Job) -> str:
    changes = job.plan.changes
    if not changes:
        return "none"
    parts = [f"{text.clean(path)} {text.value(old)} -> {text.value(new)}" for path, old, new in changes]
    return ", ".join(parts)
