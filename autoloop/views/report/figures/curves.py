"""Curves of a child and its parent, for the objective and for the metric that made the rule fire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from autoloop.errors import counted
from autoloop.history.series import Series
from autoloop.rules.changes import END, WINDOW
from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import (
    LARGEST,
    PANEL,
    AxisScale,
    Box,
    axes,
    cropped,
    fit,
    label,
    line,
    panel,
    thin,
)
from autoloop.views.report.figures.job import link
from autoloop.views.report.figures.markup import Markup, el, join
from autoloop.views.report.gains import Gain

Curves = Mapping[int, Mapping[str, Series]]

MOST_CARDS = 120  # pairs drawn; of more, the best trial's lineage and the latest jobs
SHARES = {  # of a curve, counted from its end
    **dict.fromkeys(("first_last", "start", "run", "max"), 1.0),
    **{"end": END, "tail": WINDOW, "last": 0.0},
}
SETTLED = 5  # the first fifth of a curve, its fall from the start, does not stretch the scale
FEW_POINTS = 20  # but of fewer points all do
METRIC = re.compile(r"[\w.-]{1,200}/[\w./-]{1,200}")
OPEN_ROUNDS = 3  # latest rounds whose cards are not folded


def curves_figure(facts: Facts, curves: Curves) -> Markup | None:
    """Return the section, folded by round; None where no curve is at hand."""
    shown = [
        job
        for job in drawn_jobs(facts)
        if any(name in curves.get(job.job, {}) for name in metrics(facts, job))
    ]
    if not shown:
        return None
    note = (
        f" Drawn are the latest {len(shown)} of {len(facts.jobs)}."
        if len(shown) < len(facts.drawable)
        else ""
    )
    rounds = sorted({job.round for job in shown}, reverse=True)
    groups = []
    for position, number in enumerate(rounds):
        cards = [card(facts, job, curves) for job in shown if job.round == number]
        head = el("summary", el("b", f"Round {number}"), f" · {counted(len(cards), 'trial')}")
        groups.append(el("details", head, el("div", *cards, class_="cards"), open=position < OPEN_ROUNDS))
    intro = "Each trial (blue) over its parent (dashed); shaded: the steps on which its rule decided."
    if any(job.stop_step is not None for job in shown):
        intro += " A dotted line marks the step at which a stop rule ended it."
    return el("section", el("h2", "Curves"), el("p", intro + note, class_="soft"), *groups, id="curves")


def drawn_jobs(facts: Facts) -> list[Job]:
    """Jobs whose curves a report draws, at most `MOST_CARDS`."""
    jobs = facts.drawable
    if len(jobs) <= MOST_CARDS:
        return jobs
    first = [job for job in jobs if job.job in facts.winning][-MOST_CARDS // 2 :]
    chosen = {job.job for job in [*first, *jobs[-(MOST_CARDS - len(first)) :]]}
    return [job for job in jobs if job.job in chosen]


def reference(facts: Facts, job: Job) -> Job | None:
    """What a job's curve is drawn over: its parent, or the baseline for other roots."""
    parent = facts.parent(job)
    if parent is None and facts.baseline is not None and facts.baseline.job != job.job:
        return facts.baseline
    return parent


def metrics(facts: Facts, job: Job) -> list[str]:
    """Metrics drawn for a job: the objective, and the one that made its rule fire."""
    origin = reference(facts, job) or job
    found = rule_metric(job, origin.summary)
    return list(dict.fromkeys([facts.metric, *([found] if found else [])]))


def rule_metric(job: Job, known: Mapping[str, Any]) -> str | None:
    """Return the known metric that a job's rule decided on, by its evidence and else by its reason.

    Evidence names a metric by its whole name, by what follows its last slash, or by either followed by a dot;
    a reason, where words like "loss" mean nothing, by its whole name with a slash.
    """
    evidence = job.plan.evidence
    short = {name.rpartition("/")[2]: name for name in known}
    words = [
        str(evidence.get("metric", "")),
        *(str(key) for key in evidence),
        *METRIC.findall(job.plan.reason),
    ]
    for word in words:
        for candidate in (word, word.rpartition(".")[0]):
            if candidate in known or candidate in short:
                return candidate if candidate in known else short[candidate]
    return None


def rule_window(job: Job, judged: Series) -> tuple[float, float] | None:
    """Return the first and last step a rule decided on; None where its evidence does not tell.

    Args:
        job: The job that the rule proposed.
        judged: The curve it looked at, the parent's.
    """
    evidence = job.plan.evidence
    steps = evidence.get("steps")
    if isinstance(steps, (list, tuple)) and len(steps) == 2:
        known = [float(step) for step in steps if isinstance(step, (int, float)) and abs(step) < LARGEST]
        return (min(known), max(known)) if len(known) == 2 else None
    share = SHARES.get(str(evidence.get("span") or evidence.get("stat")))
    if share is None or not len(judged.steps):
        return None
    first, last = float(judged.steps[0]), float(judged.steps[-1])
    return last - share * (last - first), last


def card(facts: Facts, job: Job, curves: Curves) -> Markup:
    """Return a job's curves over its parent's, one panel for each of its `metrics`."""
    origin = reference(facts, job)
    change = facts.change(job, origin)
    over = join([" over ", link(origin)]) if origin else None
    rule = f" · {job.plan.rule}" if job.plan.rule else ""
    outcome = _outcome(job, change)
    names = [name for name in metrics(facts, job) if name in curves.get(job.job, {})]
    panels = [_panel(name, job, origin, curves, name == names[-1]) for name in names]
    return el(
        "article",
        el("h3", link(job), over),
        el("p", el("span", outcome, class_=facts.kind(job)), rule, class_="soft"),
        el("div", *panels, class_="panels"),
        class_="card" if len(panels) < 2 else "card broad",
    )


def _outcome(job: Job, change: Gain | None) -> str:
    if job.state is None:
        return f"runs, step {job.steps}" if job.steps else "runs"
    if job.stop_step is not None:
        return f"stopped at step {job.stop_step} by {_stopper(job)}"
    gain = f" ({change.shown('parent')} {change.label})" if change else ""
    return text.number(job.objective) + gain


def _panel(metric: str, job: Job, origin: Job | None, curves: Curves, of_the_rule: bool) -> Markup:
    child = thin(curves[job.job][metric])
    parent = thin(curves[origin.job][metric]) if origin and metric in curves.get(origin.job, {}) else None
    both = [series for series in (parent, child) if series is not None]
    box = PANEL
    ends = [float(series.steps[-1]) for series in both if len(series.steps)]
    x = fit([0.0, *ends], box.left, box.right, air=0)
    settled = [value for series in both for value in series.values[_settled(series) :].tolist()]
    y = fit(settled, box.bottom, box.top, log_above=6)
    return panel(
        f"{metric} of {job.name}",
        _described(child, parent),
        _shade(rule_window(job, parent), x, box) if of_the_rule and parent is not None else None,
        _stop(job, x, box),
        axes(box, x, y, y_label=text.shorten(text.clean(metric), 44), x_ticks=4),
        cropped(
            box, line(parent, x, y, "parent") if parent is not None else None, line(child, x, y, "child")
        ),
    )


def _settled(series: Series) -> int:
    """Index of the first point that may stretch the scale; all may where points are few."""
    return len(series.values) // SETTLED if len(series.values) >= FEW_POINTS else 0


def _shade(window: tuple[float, float] | None, x: AxisScale, box: Box) -> Markup | None:
    if window is None:
        return None
    left, right = (x(step) for step in window)
    size = {"width": round(max(right - left, 2), 1), "height": box.bottom - box.top}
    return el("rect", x=left, y=box.top, **size, class_="window")


def _stop(job: Job, x: AxisScale, box: Box) -> Markup | None:
    """A mark at the step where a stop rule ended the job."""
    if job.stop_step is None:
        return None
    at = x(float(job.stop_step))
    left = at > (box.left + box.right) / 2
    words = label(at - 4 if left else at + 4, box.top + 10, _stopper(job), "end" if left else None, "stop")
    return join([el("line", x1=at, x2=at, y1=box.top, y2=box.bottom, class_="stop"), words])


def _stopper(job: Job) -> str:
    return text.shorten(text.clean(job.stop.rule if job.stop else ""), 20)


def _described(child: Series, parent: Series | None) -> str:
    words = f"Goes from {_end(child, 0)} to {_end(child, -1)}"
    broken = child.steps[~np.isfinite(child.values)]
    words += f", not finite from step {broken[0]}" if len(broken) else ""
    return words + (f"; the parent ended at {_end(parent, -1)}." if parent is not None else ".")


def _end(series: Series, index: int) -> str:
    return text.number(float(series.values[index])) if len(series.values) else text.MISSING
