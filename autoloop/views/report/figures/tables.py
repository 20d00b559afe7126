"""The scorecard of rules, what they left undone and why, and the table of all trials."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from autoloop.study.decisions import Refusal, silent
from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.job import link
from autoloop.views.report.figures.markup import Content, Markup, el, join
from autoloop.views.report.gains import Gain
from autoloop.views.report.jobs import last
from autoloop.views.report.scores import Score

SILENT_ROUNDS = 3  # latest rounds whose silent rules are listed one by one
MOST_SILENT = 300  # entries per round


def scorecard(facts: Facts) -> Markup | None:
    """Return the section on rules; None where no rule was asked."""
    if not facts.scores:
        return None
    shown = table(
        "What each rule's proposals led to; gain is against the parent, positive is better. "
        "Won: by more than the noise.",
        ["rule", "asked", "proposed", "tried", "won", "stopped", "no result", "median gain", "best gain"],
        [_score(score) for score in facts.scores],
    )
    return el("section", el("h2", "Rules"), shown, *_refused(facts), *_silent(facts), id="rules")


def trials(facts: Facts) -> Markup:
    """Return the table of all trials."""
    titles = [
        "trial",
        "round",
        "state",
        facts.metric,
        *facts.further_names,
        "vs parent",
        "vs baseline",
        *facts.columns,
    ]
    rows = [_trial(facts, job) for job in facts.shown]
    return el(
        "section",
        el("h2", "All trials"),
        table(
            "In the order they were planned; the last value of each metric. Unclear: within the noise."
            + (f" {facts.cut}" if facts.cut else ""),
            titles,
            rows,
            numeric_from=3,
        ),
        id="trials",
    )


def _score(score: Score) -> list[Content]:
    gains = score.gains_pct
    return [
        el("code", score.rule),
        str(score.fired + score.silent),
        str(score.fired),
        str(score.tries),
        str(score.wins),
        str(score.stopped),
        str(score.failed),
        _gain(score.median_gain_pct),
        _gain(max(gains)) if gains else text.MISSING,
    ]


def _gain(pct: float) -> Markup:
    style = "better" if pct > 0 else "worse" if pct < 0 else "same"
    return el("span", text.percent(pct), class_=style)


def _trial(facts: Facts, job: Job) -> list[Content]:
    state = job.state.value if job.state else "running" if job.running else "waiting"
    return [
        link(job),
        str(job.round),
        state,
        text.number(job.objective),
        *(text.number(value) for value in facts.further(job)),
        _change(facts.change(job, facts.parent(job)), "parent"),
        _change(facts.change(job, facts.baseline), "baseline"),
        *(text.number(last(job, metric)) for metric in facts.columns.values()),
    ]


def _change(change: Gain | None, reference: str) -> Content:
    if change is None:
        return text.MISSING
    return el("span", f"{change.shown(reference)} {change.verdict}", class_=change.verdict)


def table(
    caption: str, titles: Sequence[str], rows: Sequence[Sequence[Content]], numeric_from: int = 1
) -> Markup:
    """Return a table.

    Args:
        caption: What it shows.
        titles: Its columns.
        rows: Cells of each row.
        numeric_from: The first column of numbers.
    """
    styles = [None if column < numeric_from else "num" for column in range(len(titles))]
    head = el(
        "tr",
        *(el("th", title, scope="col", class_=style) for title, style in zip(titles, styles, strict=True)),
    )
    body = [
        el(
            "tr",
            el("th", row[0], scope="row"),
            *(el("td", cell, class_=style) for cell, style in zip(row[1:], styles[1:], strict=True)),
        )
        for row in rows
    ]
    found = el("table", el("caption", caption), el("thead", head), el("tbody", *body))
    return el("div", found, class_="scroll", tabindex=0, role="group", aria_label=caption)


def _refused(facts: Facts) -> list[Markup]:
    every = [(number, item) for number, group in facts.study.refused.items() for item in group]
    if not every:
        return []
    items = [el("li", *_refusal(facts, number, item)) for number, item in every[-MOST_SILENT:]]
    return [_fold(f"Proposals refused, and why ({len(every)})", el("ul", *items))]


def _refusal(facts: Facts, number: int, item: Refusal) -> list[Content]:
    edits = join([el("code", edit) for edit in item.edits], " ")
    where = _trial_link(facts, item.trial)
    return [f"Round {number}: ", el("code", item.rule), " on ", where, ": ", edits, ": ", item.why]


def _silent(facts: Facts) -> list[Markup]:
    rounds = sorted(facts.study.decisions, reverse=True)
    folds = [_silent_round(facts, number) for number in rounds[:SILENT_ROUNDS]]
    if len(rounds) > SILENT_ROUNDS:
        folds.append(el("p", f"Rounds before {rounds[SILENT_ROUNDS - 1]}: see the journal.", class_="soft"))
    return [fold for fold in folds if fold is not None]


def _silent_round(facts: Facts, number: int) -> Markup | None:
    quiet = sorted(silent(facts.study.decisions[number]), key=lambda item: item.rule)
    if not quiet:
        return None
    groups = []
    for rule, items in groupby(quiet[:MOST_SILENT], key=lambda item: item.rule):
        entries = [el("li", _trial_link(facts, item.judged), ": ", item.reason) for item in items]
        groups.append(el("li", el("code", rule), el("ul", *entries)))
    more = f", the first {MOST_SILENT} shown" if len(quiet) > MOST_SILENT else ""
    return _fold(
        f"Rules that stayed silent after round {number}, and why ({len(quiet)}{more})", el("ul", *groups)
    )


def _trial_link(facts: Facts, name: str) -> Content:
    job = facts.by_name.get(name)
    return link(job) if job else el("code", name)


def _fold(title: str, content: Markup) -> Markup:
    return el("details", el("summary", title), content)
