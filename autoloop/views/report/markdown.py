"""The rounds of a study in Markdown: what ran, what came out, what the rules said and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from autoloop.errors import counted
from autoloop.history.series import Series
from autoloop.loop.score import confirmed, describe_climb, dropped_edits, front_confirmed, kept_edits
from autoloop.loop.score.front_words import no_feasible, numbers
from autoloop.study.decisions import Decision, Refusal, fired, silent
from autoloop.study.events import Details
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState
from autoloop.views.report import text
from autoloop.views.report.facts import Facts, noise_note, stop_reason
from autoloop.views.report.gains import Gain
from autoloop.views.report.jobs import last, log_lines, log_path, states
from autoloop.views.report.probed import probed
from autoloop.views.report.text import md, md_block, md_code

Curves = Mapping[int, Mapping[str, Series]]

LOG_LINES = 20  # last lines of a failed job's log that are shown
SILENT_ROUNDS = 5  # rounds, counted from the latest, whose silent rules are listed one by one


def markdown(
    study: Study,
    curves: Curves | None = None,
    columns: Mapping[str, str] | None = None,
    facts: Facts | None = None,
) -> str:
    """Return the report of a study: a head and one section per round.

    Args:
        study: The study.
        curves: Job number -> metric -> curve; the objective's are drawn as sparklines where they are at hand.
        columns: Title -> metric of the table's further columns, each with its last value and its change; by
            default those of `autoloop.views.report.facts.KEY_METRICS` that the study has.
        facts: What the study amounts to, where that has been worked out.
    """
    facts = facts or Facts(study)
    shown = dict(columns) if columns is not None else facts.columns
    lines = _head(facts)
    newest = max(facts.rounds, default=0)
    for number, jobs in facts.rounds.items():
        lines += [f"## Round {number}", "", f"{counted(len(jobs), 'job')}: {states(jobs)}.", ""]
        lines += [f"{md(probed(study))}.", ""] if number == 1 and probed(study) else []
        listed = facts.shown_rounds.get(number, [])
        lines += _table(facts, listed, shown, curves or {}) if listed else []
        lines += _jobs(facts, listed)
        lines += _decisions(*_listed(facts, number), number > newest - SILENT_ROUNDS)
        lines += _refused(study.refused.get(number, []), number)
        lines += _next(facts, number)
    return "\n".join(lines)


def _head(facts: Facts) -> list[str]:
    study, best, front = facts.study, facts.best, facts.front
    goal = "higher" if study.maximize else "lower"
    title = md(study.header.task or "study")
    lines = [f"# {title}", "", f"Objective: {md_code(facts.metric)} ({goal} is better)."]
    if study.aims.several:
        lines[-1] = f"Objectives: {md(study.aims.description)}."
    elif facts.limits:
        lines.append(f"Constraints: {md(facts.limits)}.")
    lines += [f"The study {md(study.aim.description)}."] if study.aim.why else []
    lines += [md(line) for line in (study.header.learnt.notes if study.header.learnt else ())]
    lines.append(f"Jobs: {states(facts.jobs)}.")
    lines += [facts.cut] if facts.cut else []
    if front:
        lines += _front(facts)
    elif best is None:
        problem = md(no_feasible(study))
        none = "No job has completed with a value of the objective yet."
        lines.append(f"{problem[:1].upper()}{problem[1:]}." if problem else none)
    else:
        gain = md(confirmed(study)) or _against_baseline(facts, best)
        lines.append(f"Best: {md_code(best.name)} with {facts.numbers(best)}{gain}.")
        dropped, kept = dropped_edits(study), kept_edits(study)
        lines += [f"It is without edits of {md(dropped)}."] if dropped else []
        lines += [f"Edits that only seemed to do nothing stay: {md(kept)}."] if kept else []
        longer = describe_climb(study)
        lines += [f"Trained longer: {md(longer)}."] if longer else []
        lines += ["", "Run the best configuration again:", "", *md_block(facts.command(best))]
    if study.stopped is not None:
        lines += ["", f"The study stopped: {md(stop_reason(study.stopped))}."]
    return [*lines, ""]


def _front(facts: Facts) -> list[str]:
    """The points of the front and how to run each."""
    aims, limited = facts.study.aims.objectives, facts.limited_names
    lines = [
        f"The front has {counted(len(facts.front), 'trial')}; no other is better in every objective.",
        "",
    ]
    titles = [*(md(one.name) for one in aims), *map(md, limited), *(["seeds"] if facts.averages else [])]
    lines += [_row(["name", *titles]), _row(["---"] + ["---:"] * len(titles))]
    for job in facts.front:
        found = numbers(facts.study, job, facts.averages)
        cells = [*found.values(), *map(job.details.values.get, limited)]
        seeds = [str(facts.seeds(job))] if facts.averages else []
        lines.append(_row([md_code(job.name, in_table=True), *map(text.number, cells), *seeds]))
    for job, each in front_confirmed(facts.study):
        fresh = ", ".join(
            f"{one.name} {text.number(found.fresh)}" for one, found in zip(aims, each, strict=False)
        )
        lines += [
            "",
            f"{md_code(job.name)} on {counted(len(each[0].gains_pct), 'fresh seed')}: {md(fresh)}.",
        ]
    for job in facts.front:
        lines += ["", f"Run {md_code(job.name)} again:", "", *md_block(facts.command(job))]
    return lines


def _against_baseline(facts: Facts, job: Job) -> str:
    baseline = facts.baseline
    change = facts.change(job, baseline)
    if baseline is None or change is None:
        return ""
    return (
        f", {change.shown('baseline')} against the baseline's {text.number(facts.result(baseline))}:"
        f" {change.label} ({noise_note(facts)})"
    )


def _table(facts: Facts, jobs: Sequence[Job], columns: Mapping[str, str], curves: Curves) -> list[str]:
    sparks = any(facts.metric in curves.get(job.job, {}) for job in jobs)
    titles = ["job", "name", "parent", "rule", "state", md(facts.metric)]
    titles += [*map(md, facts.further_names), "vs parent", "vs baseline"]
    titles += ["curve"] if sparks else []
    titles += [md(title) for title in columns]
    lines = [_row(titles), _row(["---:", "---", "---", "---", "---"] + ["---:"] * (len(titles) - 5))]
    for job in jobs:
        cells = [
            str(job.job),
            md_code(job.name, in_table=True),
            md_code(job.plan.parent or "", in_table=True),
            md_code(job.plan.rule, in_table=True),
            _state(job),
            text.number(job.objective),
            *map(text.number, facts.further(job)),
            _cell(facts.change(job, facts.parent(job)), "parent"),
            _cell(facts.change(job, facts.baseline), "baseline"),
        ]
        if sparks:
            series = curves.get(job.job, {}).get(facts.metric)
            cells.append(text.sparkline(series.values.tolist()) if series is not None else text.MISSING)
        lines.append(_row([*cells, *(_metric(job, metric) for metric in columns.values())]))
    return [*lines, ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _state(job: Job) -> str:
    if job.state is None:
        return "running" if job.running else "waiting"
    return job.state.value


def _cell(change: Gain | None, reference: str) -> str:
    return text.MISSING if change is None else f"{change.shown(reference)} {change.label}"


def _metric(job: Job, metric: str) -> str:
    now, pct = last(job, metric), last(job, metric, "pct")
    return text.number(now) if now is None or pct is None else f"{text.number(now)} ({text.percent(pct)})"


def _jobs(facts: Facts, jobs: Sequence[Job]) -> list[str]:
    lines: list[str] = []
    for job in jobs:
        lines += [f"### Job {job.job}: {md(job.name)}", "", *_job(facts, job), ""]
        if job.state not in (None, TrialState.COMPLETE):
            lines += _log(job)
    return lines


def _job(facts: Facts, job: Job) -> list[str]:
    plan, details = job.plan, job.details
    lines = [
        f"- {md_code(path)}: {md_code(text.value(old))} → {md_code(text.value(new))}"
        for path, old, new in plan.changes
    ]
    if not plan.changes:
        lines = ["- No change of the configuration."]
    if plan.reason:
        lines.append(f"- Why: {md(plan.reason)}")
    if plan.evidence:
        lines.append(f"- Numbers: {md(text.facts_of(plan.evidence))}")
    if plan.expects:
        lines.append(f"- Expected: {md(plan.expects)}")
    lines.append(f"- Came out: {md(facts.verdict(job))}")
    lines += [f"- Note: {md(note)}" for note in (*plan.notes, *details.warnings)]
    if details.source:
        lines.append(f"- Curves from: {md(details.source)}")
    if details.problem:
        lines.append(f"- {'Curves' if details.source else 'No curves'}: {md(details.problem)}")
    for earlier in facts.tries.get(job.job, ()):
        lines.append(f"- Tried before as job {earlier.job}: {md(facts.verdict(earlier))}")
    if job.run_dir:
        lines.append(f"- Output: {md_code(job.run_dir)}{md(_where(facts, job))}")
    if details.url:
        lines.append(f"- W&B: {_link(details.url)}")
    lines.append(f"- Command: {md_code(facts.command(job))}")
    return lines


def _where(facts: Facts, job: Job) -> str:
    """Steps, time and slot of a job and which one it repeats, as far as known, each after a comma."""
    parts = []
    if job.state is not None:
        parts.append(f"{counted(job.steps, 'step')} in {text.duration(facts.ended_at(job) - job.started_at)}")
    if job.slot is not None:
        parts.append(f"slot {job.slot}" + (f" (GPU {', '.join(job.gpus)})" if job.gpus else ""))
    if job.retry_of is not None:
        parts.append(f"a retry of job {job.retry_of}")
    return "".join(f", {part}" for part in parts)


def _link(url: str) -> str:
    plain = text.clean(url)
    safe = plain.startswith(("https://", "http://")) and not set(plain) & set(" <>\"'`\\")
    return f"<{plain}>" if safe else md_code(plain)


def _log(job: Job) -> list[str]:
    details = job.details
    lines = [
        f"**{job.state.value if job.state else ''}** {md(job.error or 'without a message')}{_exit(details)}"
    ]
    if log_path(job):
        lines[0] += f", log: {md_code(log_path(job))}"
    tail = log_lines(job, LOG_LINES)
    return [*lines, "", *(md_block("\n".join(tail)) if tail else ["(the log is empty)"]), ""]


def _exit(details: Details) -> str:
    if details.signal:
        return f" (signal {md(details.signal)})"
    return f" (exit code {md(details.exit_code)})" if details.exit_code is not None else ""


def _listed(facts: Facts, number: int) -> tuple[list[Decision], int]:
    """The decisions on the jobs that are shown, by round, and the number of those on others."""
    decisions = facts.study.decisions.get(number, ())
    if not facts.cut:
        return list(decisions), 0
    known = facts.by_name
    listed = [one for one in decisions if (job := known.get(one.judged)) and job.job in facts.is_shown]
    return listed, len(decisions) - len(listed)


def _decisions(decisions: Sequence[Decision], more: int, one_by_one: bool) -> list[str]:
    if more and not decisions:
        return [f"{counted(more, 'decision')}, see the journal.", ""]
    if not decisions:
        return []
    lines = ["### Decisions", ""]
    for decision in fired(decisions):
        edits = " ".join(md_code(edit) for edit in decision.edits)
        who = f"{md_code(decision.rule)} on {md_code(decision.judged)}"
        if decision.judged != decision.trial:
            who += f", back to {md_code(decision.trial)}"
        lines.append(f"- {who}: {md(decision.reason)}; {edits}")
    if not fired(decisions):
        lines.append("No rule proposed a change.")
    return [*lines, "", *_silent(silent(decisions), one_by_one)]


def _silent(decisions: Sequence[Decision], one_by_one: bool) -> list[str]:
    if not decisions:
        return []
    if not one_by_one:
        times = counted(len(decisions), "time")
        return [f"{times} a rule stayed silent; the reasons are in the journal.", ""]
    lines = ["<details>", f"<summary>Rules that stayed silent, and why ({len(decisions)})</summary>", ""]
    by_rule = sorted(decisions, key=lambda decision: decision.rule)
    for rule, group in groupby(by_rule, key=lambda decision: decision.rule):
        lines.append(f"- {md_code(rule)}")
        lines += [f"  - {md_code(item.judged)}: {md(item.reason)}" for item in group]
    return [*lines, "", "</details>", ""]


def _refused(refused: Sequence[Refusal], number: int) -> list[str]:
    if not refused:
        return []
    lines = [f"### Proposals refused for round {number}", ""]
    for item in refused:
        edits = " ".join(md_code(edit) for edit in item.edits)
        lines.append(f"- {md_code(item.rule)} on {md_code(item.trial)}: {edits}: {md(item.why)}")
    return [*lines, ""]


def _next(facts: Facts, number: int) -> list[str]:
    following = facts.shown_rounds.get(number + 1, [])
    if number + 1 not in facts.rounds:
        stop = facts.study.stopped
        return ["### Next", "", f"No further round: {md(stop_reason(stop))}.", ""] if stop is not None else []
    if not following:
        return []
    lines = [f"### Next: round {number + 1}", ""]
    for job in following:
        origin = f" from {md_code(job.plan.parent)}" if job.plan.parent else ""
        rule = f" by {md_code(job.plan.rule)}" if job.plan.rule else ""
        lines.append(f"- {md_code(job.name)}{origin}{rule}: {md(job.plan.reason) or 'no reason given'}")
    return [*lines, ""]
