"""One page to look at: a single file without scripts and without any request to a network."""

from __future__ import annotations

from collections.abc import Iterator

from autoloop.study.record import Study
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.curves import Curves, curves_figure, drawn_jobs, metrics, reference
from autoloop.views.report.figures.front import front_section
from autoloop.views.report.figures.headline import headline, subtitle
from autoloop.views.report.figures.knobs import knobs
from autoloop.views.report.figures.lineage import lineage
from autoloop.views.report.figures.markup import Markup, el
from autoloop.views.report.figures.progress import progress
from autoloop.views.report.figures.style import STYLE
from autoloop.views.report.figures.tables import scorecard, trials
from autoloop.views.report.figures.timeline import timeline
from autoloop.views.report.probed import probed

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_SECTIONS = "\0"  # no text of a page has it
SECTIONS = {
    "result": "Result",
    "front": "The front",
    "lineage": "Lineage",
    "curves": "Curves",
    "progress": "Progress",
    "knobs": "Knobs",
    "timeline": "Timeline",
    "rules": "Rules",
    "trials": "All trials",
}


def html(study: Study, curves: Curves | None = None, facts: Facts | None = None) -> str:
    """Return the report of a study as one HTML page: see `html_pieces`."""
    return "".join(html_pieces(study, curves, facts))


def html_pieces(study: Study, curves: Curves | None = None, facts: Facts | None = None) -> Iterator[str]:
    """Yield the report of a study as one HTML page, piece by piece: that of a long study is large.

    The page holds no script and loads nothing; its content policy forbids both, so that no name in a study
    can change that.

    Args:
        study: The study.
        curves: Job number -> metric -> curve; `wanted_curves` says which are drawn.
        facts: What the study amounts to, where that has been worked out.
    """
    facts = facts or Facts(study)
    found = {
        "result": headline(facts),
        "front": front_section(facts),
        "lineage": lineage(facts) if facts.jobs else None,
        "curves": curves_figure(facts, curves or {}),
        "progress": progress(facts),
        "knobs": knobs(facts),
        "timeline": timeline(facts),
        "rules": scorecard(facts),
        "trials": trials(facts) if facts.jobs else None,
    }
    sections = {name: section for name, section in found.items() if section is not None}
    title = text.clean(study.header.task or "study")
    main = el("main", Markup(_SECTIONS), id="main")
    body = el("body", *_top(title, facts, sections), main, _foot(facts))
    before, _, after = el("html", _head(title), body, lang="en").partition(_SECTIONS)
    yield f"<!DOCTYPE html>\n{before}"
    yield from sections.values()
    yield f"{after}\n"


def wanted_curves(study: Study, facts: Facts | None = None) -> dict[int, list[str]]:
    """Return which curves the page draws, job number -> metrics, so that no other history need be read."""
    facts = facts or Facts(study)
    wanted: dict[int, list[str]] = {}
    for job in drawn_jobs(facts):
        names = metrics(facts, job)
        origin = reference(facts, job)
        for number in {job.job, origin.job if origin else job.job}:
            wanted[number] = list(dict.fromkeys([*wanted.get(number, []), *names]))
    return wanted


def _head(title: str) -> Markup:
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"{title} · autoloop"),
        el("style", Markup(STYLE)),
    )


def _top(title: str, facts: Facts, sections: dict[str, Markup]) -> list[Markup]:
    links = [el("li", el("a", SECTIONS[name], href=f"#{name}")) for name in sections]
    return [
        el("a", "Skip to the result", href="#main", class_="skip"),
        el(
            "header",
            el("h1", title),
            el("p", subtitle(facts), class_="soft"),
            *([el("p", f"{probed(facts.study)}.", class_="soft")] if probed(facts.study) else []),
            el("nav", el("ul", *links), aria_label="Sections"),
        ),
    ]


def _foot(facts: Facts) -> Markup:
    command = facts.study_command
    shown = (
        el("pre", command, class_="copy", tabindex=0, aria_label="Command of the study") if command else None
    )
    return el("footer", el("p", "Drawn from the study's journal, study.jsonl. The study's command:"), shown)
