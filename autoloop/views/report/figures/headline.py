"""What one wants to know first: the best trial, its gain, how it came about, what to run, what went wrong."""

from __future__ import annotations

from autoloop.errors import counted
from autoloop.loop.score import confirmation, confirmed, describe_climb, dropped_edits, kept_edits
from autoloop.loop.score.front_words import describe_mean
from autoloop.study.compare import difference
from autoloop.study.record import Job
from autoloop.study.trials import TrialState
from autoloop.views.report import text
from autoloop.views.report.facts import Facts, noise_note, stop_reason
from autoloop.views.report.figures.front import front_table
from autoloop.views.report.figures.job import link
from autoloop.views.report.figures.markup import Content, Markup, el, join
from autoloop.views.report.figures.timeline import busy_lanes, busy_share
from autoloop.views.report.jobs import states

MOST_STEPS = 12  # generations of the best trial that are shown: the first and the latest
MOST_TROUBLES = 8  # failed trials that are listed one by one, the latest


def headline(facts: Facts) -> Markup:
    """Return the first section."""
    return el(
        "section",
        el("h2", "Result so far" if facts.study.stopped is None else "Result"),
        el("div", *_tiles(facts), class_="tiles"),
        front_table(facts),
        *_troubles(facts),
        *_path(facts),
        *_command(facts),
        *_why_ended(facts),
        id="result",
    )


def subtitle(facts: Facts) -> str:
    """Return the line under the title."""
    if facts.study.aims.several:
        return _of_several(facts)
    goal = "higher" if facts.study.maximize else "lower"
    why = f" ({facts.study.aim.why})" if facts.study.aim.why else ""
    words = f"{counted(len(facts.rounds), 'round')} · {facts.metric}, {goal} is better{why}"
    limits = f" · where {facts.limits}" if facts.limits else ""
    return words + limits + _ended(facts)


def _of_several(facts: Facts) -> str:
    return f"{counted(len(facts.rounds), 'round')} · {facts.study.aims.description}{_ended(facts)}"


def _ended(facts: Facts) -> str:
    stop = facts.study.stopped
    return f" · ended: {_in_short(stop_reason(stop))}" if stop is not None else ""


def _tiles(facts: Facts) -> list[Markup]:
    lanes, _ = busy_lanes(facts)
    hours, unit = sum(facts.spent_hours(job) for job in facts.study.jobs.values()), facts.spent_unit
    amount, unit = (hours, unit) if hours >= 1 else (60 * hours, unit.replace("hours", "minutes"))
    busy = (
        f"{counted(len(lanes), 'slot')}, {100 * busy_share(lanes):.0f} % busy"
        if lanes
        else "nothing started yet"
    )
    return [
        *_best(facts),
        _tile(str(len(facts.jobs)), states(facts.jobs), "Trials"),
        _tile(text.number(amount, 3), busy, unit[:1].upper() + unit[1:] + " spent"),
    ]


def _best(facts: Facts) -> list[Markup]:
    best, baseline = facts.best, facts.baseline
    if facts.front:
        return [_tile(str(len(facts.front)), "trials, none better than another in all", "The front")]
    if best is None:
        return [_tile(text.MISSING, facts.nothing_found, "Best")]
    whence = join([link(best), f", round {best.round}{describe_mean(best, facts.averages)}"])
    tiles = [_tile(text.number(facts.result(best)), whence, "Best trial")]
    change, sure = facts.change(best, baseline), confirmation(facts.study)
    if sure is not None:
        note = confirmed(facts.study).lstrip(",; ")
        word = "better" if sure.gain_pct >= 0 else "worse"
        size = difference(abs(sure.gain_pct), sure.reference, sure.scale)
        tiles.append(_tile(size, note, "Confirmed on fresh seeds", word))
    elif change is not None and baseline is not None:
        note = f"{change.than(f'the baseline {text.number(facts.result(baseline))}')}; {noise_note(facts)}"
        tiles.append(_tile(change.shown("baseline"), note, "Against the baseline", change.verdict))
    dropped, kept = dropped_edits(facts.study), kept_edits(facts.study)
    tiles += [_tile(best.name, f"without edits of {dropped}", "Reduced")] if dropped else []
    longer = describe_climb(facts.study)
    tiles += [_tile(best.name, longer, "Trained longer")] if longer else []
    tiles += [_tile("kept", kept, "Edits that only seemed to have no effect")] if kept else []
    return tiles


def _tile(value: str, note: Content, title: str, style: str | None = None) -> Markup:
    return el("div", el("span", title), el("b", value, class_=style), el("span", note), class_="tile")


def _path(facts: Facts) -> list[Markup]:
    """How the best trial came about, step by step."""
    if facts.best is None or facts.best.plan.parent is None:
        return []
    steps = [_step(facts, job) for job in facts.lineage(facts.best)]
    if len(steps) > MOST_STEPS:
        left_out = counted(len(steps) - MOST_STEPS, "step") + " not shown"
        steps = [steps[0], el("li", left_out, class_="soft"), *steps[1 - MOST_STEPS :]]
    return [el("h3", "How it was found"), el("ol", *steps, class_="path")]


def _step(facts: Facts, job: Job) -> Markup:
    changes = [f"{path.rpartition('.')[2]} {text.value(new, 24)}" for path, _, new in job.plan.changes]
    why = f"{job.plan.rule}: " if job.plan.rule else ""
    what = text.shorten(text.clean(why + (", ".join(changes) or "as configured")), 110)
    return el("li", el("b", link(job)), f" {facts.numbers(job)}", el("br"), el("span", what, class_="soft"))


def _command(facts: Facts) -> list[Markup]:
    if facts.front:
        return _commands(facts)
    if facts.best is None:
        return []
    line = el("pre", facts.command(facts.best), class_="copy", tabindex=0, aria_label="Command to run next")
    return [el("h3", "Run next"), el("p", "The best configuration, once more (one click selects it):"), line]


def _commands(facts: Facts) -> list[Markup]:
    """The command of each point of the front."""
    lines = [
        part
        for job in facts.front
        for part in (
            el("p", link(job), f": {facts.numbers(job)}"),
            el("pre", facts.command(job), class_="copy", tabindex=0, aria_label=f"Command of {job.name}"),
        )
    ]
    return [el("details", el("summary", "Run a point of the front once more"), *lines)]


def _in_short(reason: str) -> str:
    return text.shorten(reason.partition(" (")[0], 120)


def _why_ended(facts: Facts) -> list[Markup]:
    """The whole reason, where the line under the title has no room for it."""
    reason = "" if facts.study.stopped is None else stop_reason(facts.study.stopped)
    if _in_short(reason) == reason:
        return []
    return [el("details", el("summary", "Why the study ended"), el("p", reason, class_="soft"))]


def _troubles(facts: Facts) -> list[Markup]:
    """What did not complete: jobs that failed, and jobs that a stop rule ended."""
    ended = [job for job in facts.jobs if job.state not in (None, TrialState.COMPLETE)]
    stopped = [job for job in ended if job.state is TrialState.STOPPED]
    failed = [job for job in ended if job.state is not TrialState.STOPPED]
    every = f"of {counted(len(facts.jobs), 'trial')}"
    were = "was" if len(stopped) == 1 else "were"
    early = f"{len(stopped)} {every} {were} ended early by a stop rule."
    return [
        *_listed(facts, failed, f"{len(failed)} {every} did not complete.", "alert"),
        *_listed(facts, stopped, early, "note"),
    ]


def _listed(facts: Facts, jobs: list[Job], head: str, style: str) -> list[Markup]:
    if not jobs:
        return []
    items = [el("li", link(job), ": ", facts.verdict(job)) for job in reversed(jobs[-MOST_TROUBLES:])]
    more = len(jobs) - MOST_TROUBLES
    items += [el("li", f"and {more} more, marked in the table of all trials")] if more > 0 else []
    return [el("div", el("b", head), el("ul", *items), class_=f"aside {style}", role="note")]
