"""Why a job ran and what came of it, in ten lines."""

from __future__ import annotations

from autoloop.errors import AutoloopError, did_you_mean
from autoloop.report import text
from autoloop.report.facts import Facts
from autoloop.study import Job, Study

LEFT_OUT = 3
"""Proposals left out that are told."""


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
    outcome = f"{text.number(found.objective)} {facts.metric}: {facts.verdict(found)}"
    rows = {
        "job": f"{found.job} of round {found.round}, {_state(found)}",
        "parent": _result(parent) if parent else "none",
        "rule": text.clean(plan.rule) or "none: given by the user",
        "reason": text.clean(plan.reason) or "none given",
        "numbers": text.facts_of(plan.evidence, limit=300) or "none",
        "edits": _edits(found),
        "expected": text.clean(plan.expects) or "nothing stated",
        "came out": text.clean(outcome),
        "children": ", ".join(text.clean(child.name) for child in facts.children.get(found.name, ()))
        or "none",
    }
    left_out = _left_out(study, found.name)
    rows |= {"left out": left_out} if left_out else {}
    return "\n".join([text.clean(found.name), *(f"  {title + ':':<10}{row}" for title, row in rows.items())])


def find_job(facts: Facts, job: str | int) -> Job:
    """Return the job of that name or number.

    Raises:
        AutoloopError: There is none; the message names the nearest.
    """
    wanted = str(job)
    if wanted in facts.by_name:
        return facts.by_name[wanted]
    if wanted.isdecimal() and int(wanted) in facts.study.jobs:
        return facts.study.jobs[int(wanted)]
    if not facts.jobs:
        raise AutoloopError(f"no job {wanted!r}: the study has planned no job yet")
    if wanted.isdecimal():
        raise AutoloopError(f"no job {wanted}: this study's jobs are 0 to {facts.jobs[-1].job}")
    raise AutoloopError(f"no job named {wanted!r} in this study{did_you_mean(wanted, facts.by_name)}")


def _state(job: Job) -> str:
    return job.state.value if job.state else "running" if job.running else "waiting"


def _result(parent: Job) -> str:
    return f"{text.clean(parent.name)} (job {parent.job}, {text.number(parent.objective)})"


def _left_out(study: Study, name: str) -> str:
    """What else was proposed from a job, and why it was not run; empty if nothing was."""
    refused = [one for group in study.refused.values() for one in group if one["trial"] == name]
    told = [
        f"{text.clean(' '.join(one['edits']))} by {text.clean(one['rule'])}: {text.clean(one['why'])}"
        for one in refused
    ]
    shown = list(dict.fromkeys(text.shorten(line, 160) for line in told))
    more = [f"{len(shown) - LEFT_OUT} more (in the report)"] if len(shown) > LEFT_OUT else []
    return "\n            ".join([*shown[:LEFT_OUT], *more])


def _edits(job: Job) -> str:
    changes = job.plan.changes
    if not changes:
        return "none"
    parts = [f"{text.clean(path)} {text.value(old)} -> {text.value(new)}" for path, old, new in changes]
    return ", ".join(parts)
