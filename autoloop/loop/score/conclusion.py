"""What a study came to, in one sentence."""

from __future__ import annotations

from functools import partial

from autoloop.errors import counted
from autoloop.loop.objective import missing
from autoloop.loop.repeats import is_seeded
from autoloop.loop.score.averages import averages, result_of
from autoloop.loop.score.confirmation import Confirmation, believed, broken_seeds, confirmation
from autoloop.loop.score.front_words import describe_front, describe_mean, no_feasible
from autoloop.loop.score.leader import leader
from autoloop.loop.score.levels import ClimbLevel, agreement, climbed, idea, levels, standing_at, start_at
from autoloop.loop.score.noise import noise
from autoloop.loop.score.pairs import Results, results
from autoloop.loop.score.reduction import (
    Paths,
    checked,
    chosen,
    is_idle,
    knobs,
    reductions,
    root,
    without_effect,
)
from autoloop.study.compare import Scale, gain_pct
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState

CLOSE_PCT, FEW = 20.0, 12
"""A gain below so much that was chosen from so many jobs or more is worth a doubt.

Measured (docs/benchmarks.md): of winners of 12 and 24 jobs that looked less than 20 % better than their
baseline a third were not, of the others one in a hundred.
"""


def conclusion(study: Study, reason: str) -> str:
    """Why a study ended and what it found.

    Args:
        study: The record.
        reason: Why it ends, as a clause.
    """
    best = believed(study)
    ran = counted(sum(job.running or job.state is not None for job in study.counted()), "job")
    found = describe_front(study) or no_feasible(study)
    if found:
        return f"the study ends after {ran}: {reason}; {found}"
    if best is None:
        failed = failed_alike(study)
        if failed and failed not in reason:
            return f"the study ends after {ran}, none with a result: {failed}; {reason}"
        why = missing(study)
        why = f"; {why}" if why and why not in reason else ""
        return f"the study ends after {ran}, none with a result: {reason}{why}"
    averaged = averages(study)
    result = f"objective {result_of(best, averaged):.6g}{describe_mean(best, averaged)}"
    found = f"the best is {best.name} (job {best.job}), {result}"
    dropped = dropped_edits(study)
    found += f", without edits of {dropped}" if dropped else ""
    if study.is_warm(best):
        found += (
            f" (it went on from step {best.begins_at} of {best.begins_of}: not trained from the beginning)"
        )
    sure = confirmed(study)
    longer = describe_climb(study)
    sentence = f"{found}{sure or _against_start(study, best)}" + (f"; {longer}" if longer else "")
    return f"the study ends after {ran}: {reason}; {sentence}"


def describe_climb(study: Study) -> str:
    """What the longer runs of a climb came to, level by level, as a clause; empty where there were none."""
    clauses = [_describe_level(study, level) for level in levels(study)]
    if not clauses:
        return ""
    best = climbed(study)
    last = "none of the longer runs came to a result" if best is None else f"the one to use is {best.name}"
    return "; ".join([*clauses, last])


def _describe_level(study: Study, level: ClimbLevel) -> str:
    """One level: who is first there, what the starting point came to, and whether the order held."""
    at, found = f"at length {level.length}", standing_at(study, level.number)
    lost = [f"{job.name} {_ending(job)}" for job in level.jobs if job.state is not None and not job.known]
    if not found:
        return f"{at} {' and '.join(lost)}" if lost else f"{at} nothing ended"
    first = found[0]
    clauses = [f"{at} the best is {first.name}, objective {first.objective:.6g}"]
    start = start_at(study, first, level.number)
    if start is not None and start.known:
        itself = start.place == first.place
        clauses.append("the starting point itself" if itself else _gain_over(study, first, start))
    order = agreement(study, level)
    if order.pairs:
        clauses.append(
            f"{order.same} of {counted(order.pairs, 'pair')} in the order of the level below "
            f"(Kendall's tau {order.tau:.2g})"
        )
    led = standing_at(study, level.number - 1)
    if led and idea(study, first).place != idea(study, led[0]).place:
        clauses.append(f"it takes the place of {led[0].name}, which led before")
    return ", ".join([*clauses, *lost])


def _gain_over(study: Study, job: Job, start: Job) -> str:
    scale = Scale.of((job.objective, start.objective))
    gain = gain_pct(job.objective, start.objective, study.maximize, scale)
    word = "better" if gain >= 0 else "worse"
    return f"{scale.amount(gain, start.objective)} {word} than {start.name}"


def _ending(job: Job) -> str:
    if job.stopping is not None:
        return f"was stopped at step {job.stopping.step}: {job.stopping.reason}"
    return f"came to no result ({job.error or str(job.state and job.state.value)})"


def failed_alike(study: Study) -> str:
    """What all jobs failed with, where it was the same; empty where one did not fail, or in its own way."""
    jobs = [job for job in study.counted() if job.state is not None]
    errors = {job.error for job in jobs}
    alike = len(errors) == 1 and all(job.state is TrialState.FAILED for job in jobs)
    return f"{'each' if len(jobs) > 1 else 'it'} failed with {errors.pop()}" if alike else ""


def dropped_edits(study: Study) -> str:
    """Which edits of the leader are not part of the winner, in words; empty where it has them all."""
    best, paths = leader(study), without_effect(study)
    if best is None or not paths or believed(study) is not chosen(study):
        return ""
    seeds = _seeds(len(checked(study, best, paths)), "further")
    return f"{best.name} that do nothing ({', '.join(paths)}: no worse without, on {seeds})"


def kept_edits(study: Study) -> str:
    """Which edits of the leader only seemed to do nothing, in words; empty where there are none."""
    best = leader(study)
    if best is None:
        return ""
    tries = reductions(study, best)
    failed = [paths for paths in tries if checked(study, best, paths) and not is_idle(study, best, paths)]
    return _kept(study, best, failed[0]) if failed else ""


def _kept(study: Study, best: Job, paths: Paths) -> str:
    gains, dropped = checked(study, best, paths), without_effect(study)
    tried = [path for path in knobs(study, best) if path in paths]
    left = ", ".join(path for path in tried if path not in dropped)
    loss, seeds = -sum(gains) / len(gains), _seeds(len(gains), "further")
    amount = ("-" if loss < 0 else "") + results(study).scale.amount(loss, best.objective)
    return f"{left}: {best.name} is {amount} worse without {', '.join(tried)} on {seeds}"


def _seeds(count: int, which: str) -> str:
    return counted(count, f"{which} seed")


def confirmed(study: Study) -> str:
    """What fresh seeds say of what the search chose, as a clause; empty where it was not confirmed."""
    best, found = chosen(study), confirmation(study)
    broken = broken_seeds(study, best) if best is not None else 0
    if best is None or (found is None and not broken):
        return ""
    own = believed(study) is best
    who = "" if own else f"{best.name}, which looked best, "
    failed = f"came to no result on {_seeds(broken, 'fresh')}"
    parts = [f"{'it ' if own else who}{failed}"] if broken else []
    if found is not None:
        parts.insert(0, f"{who}{'' if own else 'is '}{_gain(found)}")
    return (", " if own and found is not None else "; ") + "; ".join(parts)


def _gain(found: Confirmation) -> str:
    seeds, scale = _seeds(len(found.gains_pct), "fresh"), found.scale
    word = "better" if found.gain_pct >= 0 else "worse"
    optimism = scale.amount(found.optimism_pct, found.fresh, digits=2)
    luck = f"looked {optimism} {'better' if found.optimism_pct >= 0 else 'worse'}"
    return (
        f"{scale.amount(found.gain_pct, found.reference)} {word} than {found.start.name} on {seeds} "
        f"(90 % interval {scale.span(found.interval_pct, found.reference)}, "
        f"better with probability {found.better:.2f}); "
        f"chosen at {found.selected:.4g}, it comes to {found.fresh:.4g} there: it {luck} than it is"
    )


def _against_start(study: Study, best: Job) -> str:
    start = root(study, best)
    if start.place == best.place:
        return ", which is the starting point itself" if jobs_beside(study, start) else ""
    known = results(study)
    gains = known.gains_pct(best, start)
    if not gains:
        return f"; {start.name} has no result to compare it with"
    gain, margin = sum(gains) / len(gains), noise(study).margin_pct(len(gains))
    sure = "more than the noise of" if abs(gain) > margin else "within the noise of"
    word, amount = "better" if gain >= 0 else "worse", partial(known.scale.amount, reference=start.objective)
    seed = " at the same seed" if is_seeded(study) else ""
    found = f"{amount(gain)} {word} than {start.name}{_size(start, known)}{seed}"
    clause = f", {found} ({sure} {amount(margin, digits=2)})"
    doubtful = gain < CLOSE_PCT and study.searched >= FEW
    return clause + (
        "; a third of such gains are luck; confirm=3 checks it on fresh seeds" if doubtful else ""
    )


def _size(start: Job, known: Results) -> str:
    """What a difference is to be seen beside, where it is told instead of a percentage."""
    return "" if known.scale.is_percent(start.objective) else f" ({start.objective:.3g})"


def jobs_beside(study: Study, start: Job) -> bool:
    """Whether anything was tried beside a starting point."""
    return any(job.place != start.place for job in study.counted())
