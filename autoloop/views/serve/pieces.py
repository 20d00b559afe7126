"""The parts of the page that the server draws, with the figures of the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from autoloop.errors import OutsideError, counted
from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.curves import card, reference
from autoloop.views.report.figures.front import front_section
from autoloop.views.report.figures.headline import headline, subtitle
from autoloop.views.report.figures.job import body
from autoloop.views.report.figures.knobs import knobs
from autoloop.views.report.figures.lineage import lineage_figure
from autoloop.views.report.figures.markup import Markup, el, join
from autoloop.views.report.figures.progress import progress
from autoloop.views.report.figures.timeline import timeline
from autoloop.views.report.jobs import log_path
from autoloop.views.serve.importance import Share, importance
from autoloop.views.serve.observed import Observed

MOST_CARDS = 24
"""Running jobs whose curves are drawn, the latest."""
WHEN_IDLE = 4
"""Jobs that ended last whose curves are drawn where none runs."""
MOST_REFUSALS = 60
"""Refusals that are listed, the latest."""
NOTHING = el("p", "Nothing yet.", class_="soft")


def result(observed: Observed) -> Markup:
    """Title, headline and other remarks; of several objectives the front and how it grew."""
    facts = observed.facts()
    note = "no process runs this study any more; autoloop resume continues it" if observed.is_left else ""
    return join(
        [
            el("p", subtitle(facts), class_="soft"),
            el("p", note, class_="aside alert", role="note") if note else None,
            headline(facts) if facts.jobs else NOTHING,
            *([front_section(facts), progress(facts)] if facts.study.aims.several else []),
        ]
    )


def running(observed: Observed) -> Markup:
    """Curves of the jobs that run over their parents'; where none runs, of those that ended last."""
    facts = observed.facts()
    jobs = [job for job in facts.jobs if job.running][-MOST_CARDS:]
    shown = [observed.now(job) for job in jobs] or [job for job in facts.jobs if job.state is not None][
        -WHEN_IDLE:
    ]
    origins = [origin for job in shown if (origin := reference(facts, job)) is not None]
    curves = {job.job: observed.curves(job) for job in [*origins, *shown]}
    cards = [card(facts, job, curves) for job in shown]
    heading = f"{counted(len(jobs), 'job')} now" if jobs else "None now; the latest that ended"
    return join([el("p", heading, class_="soft"), el("div", *cards, class_="cards")])


def lineage(observed: Observed) -> Markup:
    """The drawing of rounds against results."""
    facts = observed.facts()
    return lineage_figure(facts) if facts.jobs else NOTHING


def slots(observed: Observed) -> Markup:
    """The timeline of the slots up to now."""
    facts = observed.facts()
    now = time.time() if facts.study.running() else float("-inf")
    return timeline(facts, now) or NOTHING


def knob_charts(observed: Observed) -> Markup:
    """How much each knob matters, and each against the result."""
    facts = observed.facts()
    return join([_importance(facts), knobs(facts) or NOTHING])


def _importance(facts: Facts) -> Markup:
    try:
        shares = importance(facts)
    except OutsideError as error:
        return el("p", str(error), class_="soft")
    if not shares:
        return el("p", "How much each knob matters shows once enough jobs have completed.", class_="soft")
    rows = [_bar(share) for share in shares]
    head = el(
        "p",
        "How much of the difference between results each knob explains (PED-ANOVA); few jobs make it rough.",
        class_="soft",
    )
    return join([el("h3", "Importance"), head, el("ul", *rows, class_="shares")])


def _bar(share: Share) -> Markup:
    percent = f"{100 * share.share:.0f} %"
    bar = el("span", class_="share", style=f"--share:{share.share:.3f}", aria_hidden="true")
    return el("li", el("code", share.path), bar, el("span", percent))


def feed(observed: Observed) -> Markup:
    """Events as lines, the latest first, and what was refused."""
    study = observed.study()
    lines = [el("li", line) for _, line in reversed(observed.feed)]
    refused = [
        el("li", el("b", f"round {number} "), f"{one.rule} on {one.trial}: {one.why}")
        for number in sorted(study.refused, reverse=True)
        for one in study.refused[number]
    ][:MOST_REFUSALS]
    return join(
        [
            el("ol", *lines, class_="feed", tabindex=0, aria_label="Events"),
            el("h3", "Refused proposals"),
            el("ul", *refused, class_="feed") if refused else el("p", "None.", class_="soft"),
        ]
    )


def one_job(facts: Facts, job: Job) -> Markup:
    """All that is known of a job."""
    return join([el("h3", job.name), body(facts, job)])


def log_file(job: Job) -> str:
    """Where the log of a job is, relative to the study; of one that runs, where launchers write it."""
    return log_path(job) or (f"{job.run_dir}/job.log" if job.run_dir else "")


def summary(observed: Observed) -> dict[str, object]:
    """What the page's head and its buttons show."""
    facts, study = observed.facts(), observed.study()
    waiting = sorted({job.round for job in study.waiting()} - study.controls.approved)
    return {
        "title": text.clean(study.header.task or observed.study_dir.resolve().name),
        "place": text.clean(str(observed.study_dir)),
        "over": study.stopped is not None,
        "left": observed.is_left,
        "paused": bool(study.controls.paused),
        "ending": study.controls.ending,
        "waiting": waiting if not study.running() else [],
        "limits": {name: limit.value for name, limit in study.controls.limits.items()},
        "banned": sorted(study.controls.banned),
        "kept": sorted(study.controls.kept),
        "progress": {number: one.step for number, one in observed.progress.items()},
        "events": study.events,
        "jobs": len(facts.jobs),
    }


PIECES: Mapping[str, tuple[Callable[[Observed], Markup], bool]] = {
    "result": (result, False),
    "running": (running, True),
    "feed": (feed, False),
    "lineage": (lineage, False),
    "slots": (slots, True),
    "knobs": (knob_charts, False),
}
"""Name of each part -> what draws it, and whether it changes as running jobs log more."""
