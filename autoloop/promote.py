"""The command that trains a job of a study at full length."""

from __future__ import annotations

from collections.abc import Sequence

from autoloop.compose import merge_overrides
from autoloop.errors import OutsideError
from autoloop.report.facts import Facts, program
from autoloop.report.why import find_job
from autoloop.study import Study


def promoted_words(study: Study, job: str | None, overrides: Sequence[str]) -> list[str]:
    """Return the words that train a job's exact configuration with some overrides on top.

    Args:
        study: The study.
        job: Name or number of the job; None for the best.
        overrides: What is different, such as ``steps=200000``.

    Raises:
        AutoloopError: There is no such job, or none has completed.
    """
    facts = Facts(study)
    found = facts.best if job is None else find_job(facts, job)
    if found is None:
        raise OutsideError("no job of the study has completed, so there is no best one; name a job")
    return [*program(study.header.get("command", "")), *merge_overrides(found.plan.overrides, overrides)]
