"""The whole story of one job: where it came from, what was changed and why, what came out, and its files."""

from __future__ import annotations

from autoloop.errors import counted
from autoloop.study.record import Job
from autoloop.study.trials import TrialState
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.markup import Content, Markup, el, file_link, join, web_link
from autoloop.views.report.jobs import log_lines, log_path

LOG_LINES = 30  # last lines of a job's log that are shown where it did not complete
DIFF_ROWS = 60  # most rows of a configuration difference that are shown


def body(facts: Facts, job: Job) -> Markup:
    """Return what an entry of the lineage opens on; its id is the target of links to the job."""
    plan, parent = job.plan, facts.parent(job)
    rows: dict[str, Content] = {
        "Job": f"{job.job}, round {job.round}, {_when(facts, job)}",
        "Parent": link(parent, f", {text.number(parent.objective)}") if parent else None,
        "Rule": plan.rule or None,
        "Why": plan.reason or None,
        "Numbers": text.facts_of(plan.evidence) or None,
        "Edits": _changes(job),
        "Expected": plan.expects or None,
        "Came out": facts.verdict(job),
        "Stopped on": _stop(job),
        "Earlier tries": _list(
            [f"job {old.job}: {facts.verdict(old)}" for old in facts.tries.get(job.job, ())]
        ),
        "Notes": _list([*plan.notes, *job.details.warnings]),
        "Curves from": job.details.source or None,
        "Curves" if job.details.source else "No curves": job.details.problem or None,
        "Against baseline": _difference(facts, job),
        "Files": _files(job),
        "W&B": web_link(job.details.url, "open the run") if job.details.url else None,
    }
    filled = [join([el("dt", title), el("dd", item)]) for title, item in rows.items() if item]
    command = el("pre", facts.command(job), class_="copy", tabindex=0, aria_label="Command of this job")
    return el("div", el("dl", *filled), command, _log(job), class_="body", id=f"job-{job.job}")


def link(job: Job, after: str = "") -> Markup:
    """Return a link to a job's entry, and text after it."""
    return join([el("a", job.name, href=f"#job-{job.job}"), after])


def _when(facts: Facts, job: Job) -> str:
    if job.state is None:
        return "running" if job.running else "waiting"
    parts = [job.state.value, counted(job.steps, "step"), text.duration(facts.ended_at(job) - job.started_at)]
    parts += [f"slot {job.slot}"] if job.slot is not None else []
    parts += [f"GPU {', '.join(job.gpus)}"] if job.gpus else []
    return ", ".join(parts)


def _stop(job: Job) -> Content:
    """The numbers on which a stop rule ended the job."""
    why = job.stop
    return f"{why.rule}: {text.facts_of(why.evidence)}" if why and why.evidence else None


def _changes(job: Job) -> Content:
    changes = job.plan.changes
    if not changes:
        return "none" if job.plan.parent is None else None
    return _list([_change(path, text.value(old), text.value(new)) for path, old, new in changes])


def _difference(facts: Facts, job: Job) -> Content:
    """All that sets a job apart from the baseline, where that is more than its own edits."""
    knobs = facts.knobs[job.job]
    if len(facts.lineage(job)) < 3:
        return None
    rows = [
        _change(path, text.value(facts.base_values.get(path)), text.value(item))
        for path, item in knobs.items()
    ]
    more = [f"and {len(rows) - DIFF_ROWS} more"] if len(rows) > DIFF_ROWS else []
    return _list([*rows[:DIFF_ROWS], *more])


def _change(path: str, old: str, new: str) -> Markup:
    return join([el("code", path), " ", el("code", old), " → ", el("code", new)])


def _list(items: list[Content]) -> Content:
    return el("ul", *(el("li", item) for item in items)) if items else None


def _files(job: Job) -> Content:
    if not job.run_dir:
        return None
    log = log_path(job)
    links = [file_link(job.run_dir, "run dir"), file_link(f"{job.run_dir}/.hydra/config.yaml", "config")]
    return join([*links, *([file_link(log, log)] if log else [])], separator=" · ")


def _log(job: Job) -> Markup | None:
    if job.state in (None, TrialState.COMPLETE):
        return None
    shown = "\n".join(log_lines(job, LOG_LINES)) or "(the log is empty)"
    return el("pre", shown, tabindex=0, aria_label="Last lines of the log")
