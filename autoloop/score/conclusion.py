"""What a study came to, in one sentence."""

from __future__ import annotations

from autoloop.score.noise import noise
from autoloop.score.pairs import gains_pct, results
from autoloop.study import Job, Study


def root(study: Study, job: Job) -> Job:
    """The starting point that a job descends from."""
    seen = {job.name}
    while (parent := study.by_name(job.plan.parent)) is not None and parent.name not in seen:
        seen.add(parent.name)
        job = parent
    return job


def conclusion(study: Study, reason: str) -> str:
    """Why a study ended and what it found.

    Args:
        study: The record.
        reason: Why it ends, as a clause.
    """
    best = study.best()
    jobs = len(study.counted())
    counted = f"{jobs} job{'' if jobs == 1 else 's'}"
    if best is None:
        return f"the study ends after {counted}, none of them with a result: {reason}"
    found = f"the best is {best.name} (job {best.job}), objective {best.objective:.6g}"
    return f"the study ends after {counted}: {reason}; {found}{_against_start(study, best)}"


def _against_start(study: Study, best: Job) -> str:
    start = root(study, best)
    if start.name == best.name:
        return ", which is the starting point itself" if jobs_beside(study, start) else ""
    by_seed = results(study)
    gains = gains_pct(study, by_seed.get(best.name, {}), by_seed.get(start.name, {}))
    if not gains:
        return f"; {start.name} has no result to compare it with"
    gain, margin = sum(gains) / len(gains), noise(study).margin_pct(len(gains))
    sure = "more than the noise of" if abs(gain) > margin else "within the noise of"
    word = "better" if gain >= 0 else "worse"
    return f", {abs(gain):.3g} % {word} than {start.name} at the same seed ({sure} {margin:.2g} %)"


def jobs_beside(study: Study, start: Job) -> bool:
    """Whether anything was tried beside a starting point."""
    return any(job.name != start.name for job in study.counted())
