"""What there is to see of a study at one moment, worked out from values alone: no file, no clock."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoloop.errors import counted
from autoloop.loop.score.front_words import describe_growth
from autoloop.study.decisions import Decision, fired, silent
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState
from autoloop.views.live.progress import Progress
from autoloop.views.report import text
from autoloop.views.report.facts import Facts, stop_reason
from autoloop.views.report.jobs import log_path

BAD = (TrialState.FAILED, TrialState.TIMEOUT, TrialState.INFEASIBLE)


@dataclass(frozen=True, slots=True)
class SlotLine:
    """One slot and the job in it.

    Attributes:
        slot: Its index; None where the launcher has no slots.
        gpus: Its GPU ids.
        job: Number of the job; None in an idle slot.
        name: Name of the job.
        step: The last step it logged; None before the first.
        steps: Steps it trains for; None if unknown.
        value: Latest value of the objective; NaN if there is none.
        best: Best value so far.
        rate: Steps per second; NaN if unknown.
        left_s: Seconds until its end; NaN if unknown.
        running_s: Seconds since its start.
    """

    slot: int | None
    gpus: tuple[str, ...] = ()
    job: int | None = None
    name: str = ""
    step: int | None = None
    steps: int | None = None
    value: float = math.nan
    best: float = math.nan
    rate: float = math.nan
    left_s: float = math.nan
    running_s: float = math.nan


@dataclass(frozen=True, slots=True)
class View:
    """A study at one moment; every text is free of control characters.

    Attributes:
        place: Directory of the study.
        task: What it trains.
        round: Number of the last planned round; 0 before the first.
        rounds: Rounds in all.
        done: Jobs that completed.
        running: Jobs that run.
        waiting: Jobs of the round that wait.
        failed: Jobs that failed, ran out of time or were infeasible.
        other: Jobs that were stopped or interrupted.
        spent_s: Seconds the study has been running, over restarts.
        left_s: Seconds it will take yet, estimated; NaN if unknown.
        metric: Name of the objective.
        goal: ``lower`` or ``higher``, whichever is better.
        best: The best job so far, in words; empty while there is none.
        ended: Why the study ended; empty while it goes on.
        slots: One line per slot.
        heading: What ``decisions`` are.
        decisions: What came of the last round, the proposals first.
        warnings: What went wrong, the latest first.
        hints: Commands that show more.
    """

    place: str
    task: str
    round: int
    rounds: int
    done: int
    running: int
    waiting: int
    failed: int
    other: int
    spent_s: float
    left_s: float
    metric: str
    goal: str
    best: str
    ended: str
    slots: tuple[SlotLine, ...]
    heading: str
    decisions: tuple[str, ...]
    warnings: tuple[str, ...]
    hints: tuple[str, ...] = ()


def view(
    study: Study,
    progress: Mapping[int, Progress],
    now: float,
    place: str | Path,
    notes: Sequence[str] = (),
    hints: Sequence[str] = (),
) -> View:
    """Work out what there is to see.

    Args:
        study: The study.
        progress: Number of each running job -> how far it is.
        now: Seconds since the epoch.
        place: Directory of the study, as the user knows it.
        notes: Warnings that the study itself does not know of.
        hints: Commands that show more.
    """
    facts = Facts(study)
    jobs = study.counted()
    lines = _slot_lines(facts, progress, now)
    last = max(study.rounds, default=0)
    states = [job.state for job in jobs]
    heading, decisions = _decisions(facts)
    return View(
        place=text.clean(place),
        task=text.clean(study.header.task or ""),
        round=last,
        rounds=max(last, _rounds(study)),
        done=states.count(TrialState.COMPLETE),
        running=sum(job.running for job in jobs),
        waiting=sum(job.state is None and not job.running for job in jobs),
        failed=sum(state in BAD for state in states),
        other=sum(state in (TrialState.STOPPED, TrialState.INTERRUPTED) for state in states),
        spent_s=study.seconds + (0.0 if study.stopped else max(0.0, _since(study.last_time, now))),
        left_s=math.nan if study.stopped else _time_left(study, lines),
        metric=text.clean(facts.metric),
        goal="higher" if study.maximize else "lower",
        best=_best(facts),
        ended=text.clean(stop_reason(study.stopped)) if study.stopped else "",
        slots=tuple(lines),
        heading=heading,
        decisions=tuple(decisions),
        warnings=(*map(text.clean, notes), *_held(study), *_warnings(facts, place)),
        hints=tuple(map(text.clean, hints)),
    )


def total_steps(facts: Facts, job: Job) -> int | None:
    """Steps a job trains for by its edits, its overrides or the study's config; None if none tells."""
    settings = facts.study.header.settings or {}
    key = str((settings.get("metrics") or {}).get("steps_key") or "steps")
    knobs = facts.knobs.get(job.job, {})
    if key in knobs:
        return _whole(knobs[key])
    overrides = [one.partition("=") for one in job.plan.overrides]
    given = [value for name, _, value in overrides if name.lstrip("+") == key]
    return _whole(given[-1] if given else _at(facts.study.header.config, key))


def _at(config: Any, key: str) -> Any:
    """The value at a dotted path; None where there is none."""
    for part in key.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _whole(value: Any) -> int | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if math.isfinite(number) and number >= 1 else None


def _rounds(study: Study) -> int:
    return _limit(study, "rounds") or 0


def _limit(study: Study, name: str) -> int | None:
    """A limit as the study began with it, or as a user changed it since; None for none."""
    limit = study.controls.limits.get(name)
    if limit is None:
        return study.header.limit(name)
    return int(limit.value) if limit.value is not None and math.isfinite(limit.value) else None


def _held(study: Study) -> list[str]:
    """Whether a user paused or ended the study, while it goes on."""
    reasons = (study.controls.paused, study.controls.ending)
    return [f"the study is {text.clean(one)}" for one in reasons if one and study.stopped is None]


def _since(earlier: float, now: float) -> float:
    return now - earlier if math.isfinite(earlier) else 0.0


# ---------------------------------------------------------------------- slots


def _slot_lines(facts: Facts, progress: Mapping[int, Progress], now: float) -> list[SlotLine]:
    """Running jobs by slot, and the slots of this study that are idle; jobs without a slot come last."""
    jobs = facts.study.jobs.values()
    lines = [_line(facts, job, progress.get(job.job, Progress()), now) for job in jobs if job.running]
    busy = {line.slot for line in lines}
    idle = {} if facts.study.stopped else {job.slot: job.gpus for job in jobs if job.slot is not None}
    free = [SlotLine(slot, gpus) for slot, gpus in sorted(idle.items()) if slot not in busy]
    placeless = sum(line.slot is None for line in lines)  # they have just started, in some of these
    lines += free[: max(0, len(free) - placeless)]
    return sorted(lines, key=lambda line: (line.slot is None, line.slot or 0, line.job or 0))


def _line(facts: Facts, job: Job, progress: Progress, now: float) -> SlotLine:
    steps = total_steps(facts, job)
    left_s = math.nan
    if steps is not None and progress.step is not None and progress.rate > 0:
        left_s = max(0.0, (steps - progress.step) / progress.rate - max(0.0, now - progress.seen_at))
    started_at = progress.started_at if math.isfinite(progress.started_at) else job.started_at
    return SlotLine(
        slot=job.slot if job.slot is not None else progress.slot,
        gpus=tuple(map(text.clean, job.gpus or progress.gpus)),
        job=job.job,
        name=text.clean(job.name),
        step=progress.step,
        steps=steps,
        value=progress.value,
        best=progress.best,
        rate=progress.rate,
        left_s=left_s,
        running_s=max(0.0, now - started_at),
    )


def _time_left(study: Study, lines: Sequence[SlotLine]) -> float:
    """Seconds the study will take yet if later rounds are as large and as slow as those so far.

    NaN while nothing tells how long a job takes. Rules may plan fewer jobs, so this is an upper estimate.
    """
    busy = [line for line in lines if line.job is not None]
    typical = _typical_length(study, busy)
    if math.isnan(typical) or not study.rounds:
        return math.nan
    ends = [
        line.left_s if math.isfinite(line.left_s) else max(0.0, typical - line.running_s) for line in busy
    ]
    places = max(1, len(lines))
    return max(max(ends, default=0.0), (sum(ends) + _jobs_to_come(study) * typical) / places)


def _typical_length(study: Study, busy: Sequence[SlotLine]) -> float:
    """Mean seconds of a job: of those that completed, else of those that can be foreseen; NaN without any."""
    done = [job for job in study.jobs.values() if job.state is TrialState.COMPLETE]
    lengths = [job.ended_at - job.started_at for job in done]
    lengths = [length for length in lengths if 0 <= length < math.inf] or list(
        filter(math.isfinite, (line.running_s + line.left_s for line in busy))
    )
    return sum(lengths) / len(lengths) if lengths else math.nan


def _jobs_to_come(study: Study) -> int:
    """Jobs that wait, and those of later rounds if each is as large as the last planned one."""
    jobs = study.counted()
    waiting = sum(job.state is None and not job.running for job in jobs)
    later = max(0, _rounds(study) - study.rounds[-1]) * len(study.of_round(study.rounds[-1]))
    most = _limit(study, "max_jobs")
    return waiting + (later if most is None else min(later, max(0, most - len(jobs))))


# ---------------------------------------------------------------------- words


def _best(facts: Facts) -> str:
    best = facts.best
    if facts.front:
        first = facts.front[0]
        best_text = text.clean(f"{first.name} ({facts.numbers(first)}); {describe_growth(facts.study)}")
        return f"front of {counted(len(facts.front), 'trial')}, one end: {best_text}"
    if best is None:
        return text.clean(facts.nothing_found) if facts.study.aims.constraints else ""
    change = facts.change(best, facts.baseline)
    gain = (
        f", {change.than(text.clean(facts.baseline.name))} ({change.shown('baseline')})"
        if (change and facts.baseline)
        else ""
    )
    return f"{text.clean(best.name)} {facts.numbers(best)}{gain}"


def _decisions(facts: Facts) -> tuple[str, list[str]]:
    """What the last decided round led to: the children, the refusals, how many rules were silent."""
    study = facts.study
    if not study.decisions:
        return "", []
    number = max(study.decisions)
    decisions = study.decisions[number]
    led_to = [_led_to(facts, decision, number + 1) for decision in fired(decisions)]
    lines = [line for _, line in sorted(led_to, key=lambda pair: pair[0])]
    if quiet := len(silent(decisions)):
        lines.append(f"{counted(quiet, 'time')} a rule saw no reason to change anything")
    return f"What came of round {number}", lines


def _led_to(facts: Facts, decision: Decision, number: int) -> tuple[int, str]:
    """One proposal for a round in words, what became of it, and how far down the list it belongs."""
    trial, rule = decision.trial, decision.rule
    reason = text.shorten(text.clean(decision.reason), 200)
    of = text.clean(decision.judged)
    children = facts.rounds.get(number, ())
    child = next((job for job in children if (job.plan.parent, job.plan.rule) == (trial, rule)), None)
    if child is not None:
        return 0, f"{of} -> {text.clean(child.name)}: {reason}"
    refusals = facts.study.refused.get(number, ())
    refused = next((r for r in refusals if (r.trial, r.rule) == (trial, rule)), None)
    if refused is not None:
        because = text.shorten(text.clean(refused.why), 120)
        return 1, f"{of}, {text.clean(rule)} refused ({because}): {reason}"
    return 2, f"{of}, {text.clean(rule)} {'without a place' if children else 'proposes'}: {reason}"


def _warnings(facts: Facts, place: str | Path) -> list[str]:
    """Every job that failed or left a warning, the latest first."""
    lines: list[tuple[float, str]] = []
    for job in facts.jobs:
        if job.state in BAD:
            where = log_path(job)
            log = f" (log: {shlex.quote(str(Path(place) / where))})" if where else ""
            lines.append((job.ended_at, text.clean(f"job {job.job} {job.name}: {facts.verdict(job)}{log}")))
        lines += [
            (job.ended_at, text.clean(f"job {job.job} {job.name}: {warning}"))
            for warning in job.details.warnings
        ]
    return [line for _, line in sorted(lines, key=lambda pair: -pair[0] if math.isfinite(pair[0]) else 0.0)]
