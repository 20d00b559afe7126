"""Studies of one app over time, as a table for a terminal: what was tried so far, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from autoloop.errors import AutoloopError, OutsideError, counted
from autoloop.loop.score import StudyOutcome, Tried, outcome, tried_knobs, without_any_effect
from autoloop.store.journal import FILE_NAME, read_study
from autoloop.study.compare import Scale
from autoloop.study.record import Study
from autoloop.views.analysis.tables import table
from autoloop.views.report.text import MISSING, clean, number, shorten

_WIDTH = 40  # characters of a study's name that are shown
_KNOBS = 15  # knobs that are listed


@dataclass(frozen=True, slots=True)
class PastStudy:
    """A study that lies somewhere.

    Attributes:
        name: Its directory, as short as it tells it from the others.
        study: Its record.
        outcome: What it came to.
    """

    name: str
    study: Study
    outcome: StudyOutcome

    @property
    def kind(self) -> tuple[str, str, bool]:
        """What studies have in common that may be compared: the app, the objective and its direction."""
        aim = self.study.aim
        return self.study.header.task or "study", aim.metric or "the returned value", aim.maximize


def past_studies(tops: Sequence[Path]) -> tuple[list[PastStudy], list[str]]:
    """The studies in and below some directories, the oldest first, and what of them cannot be read.

    Args:
        tops: The directories.

    Raises:
        OutsideError: There is no study.
    """
    found: list[PastStudy] = []
    problems: list[str] = []
    for top in tops:
        for directory in journals(top):
            try:
                study = read_study(directory)
            except AutoloopError as error:
                problems.append(f"{directory}: {error}")
                continue
            name = directory.relative_to(top).as_posix()
            found.append(PastStudy(top.name if name == "." else name, study, outcome(study)))
    if not found and not problems:
        raise OutsideError(f"no study lies in or below {', '.join(map(str, tops))}")
    return sorted(found, key=lambda one: one.study.header.time), problems


def journals(top: Path) -> Iterator[Path]:
    """The directories with a journal, in and below another one; links are not followed."""
    waiting = [top]
    while waiting:
        directory = waiting.pop()
        if (directory / FILE_NAME).is_file():
            yield directory
            continue
        try:
            below = [path for path in directory.iterdir() if path.is_dir() and not path.is_symlink()]
        except OSError:
            continue  # another user's; what can be read is shown
        waiting += sorted(below, reverse=True)


def past_text(studies: Sequence[PastStudy], problems: Sequence[str] = ()) -> str:
    """Return studies as text, those of one app and objective together."""
    kinds: dict[tuple[str, str, bool], list[PastStudy]] = {}
    for one in studies:
        kinds.setdefault(one.kind, []).append(one)
    blocks = ["\n".join(_block(kind, group)) for kind, group in kinds.items()]
    if problems:
        blocks.append("\n".join(["Could not be read:", *(f"  {clean(problem)}" for problem in problems)]))
    return "\n\n".join(blocks)


def _block(kind: tuple[str, str, bool], group: Sequence[PastStudy]) -> Iterator[str]:
    app, metric, maximize = kind
    direction = "higher" if maximize else "lower"
    count = f"{len(group)} studies" if len(group) > 1 else "1 study"
    yield f"{clean(app)}: {count}, {clean(metric)} ({direction} is better)"
    yield ""
    yield from table([["study", "begun", "jobs", "baseline", "best", "gain", "by"], *map(_row, group)])
    yield ""
    yield from _best_ever(group, maximize)
    yield from _knobs(tried_knobs(one.study for one in group))


def _row(one: PastStudy) -> list[str]:
    found = one.outcome
    began = datetime.fromtimestamp(one.study.header.time, timezone.utc)
    return [
        shorten(clean(one.name), _WIDTH),
        began.strftime("%Y-%m-%d %H:%M"),
        str(found.jobs),
        number(found.start.objective if found.start else None),
        number(found.best.objective if found.best else None),
        _gain(found),
        shorten(clean(found.best.name), _WIDTH) if found.best else MISSING,
    ]


def _gain(found: StudyOutcome) -> str:
    if found.gain_pct is None or found.start is None:
        return MISSING
    scale = Scale.of((found.start.objective,))
    sign = "" if found.gain_pct >= 0 else "-"
    doubt = "" if found.is_sure else " (noise)"
    return f"{sign}{scale.amount(found.gain_pct, found.start.objective)}{doubt}"


def _best_ever(group: Sequence[PastStudy], maximize: bool) -> Iterator[str]:
    known = [(one, one.outcome.best) for one in group if one.outcome.best is not None]
    if not known:
        yield "No job has a result."
        return
    sign = -1 if maximize else 1
    study, best = min(known, key=lambda pair: sign * pair[1].objective)
    yield f"Best ever: {clean(best.name)} of {clean(study.name)}, {number(best.objective)}."


def _knobs(tried: Sequence[Tried]) -> Iterator[str]:
    if not tried:
        return
    yield ""
    rows = [[clean(one.knob), str(one.compared), str(one.better), str(one.worse)] for one in tried[:_KNOBS]]
    yield from table([["knob, changed alone", "compared", "better", "worse"], *rows])
    if len(tried) > _KNOBS:
        yield f"and {counted(len(tried) - _KNOBS, 'knob')} more"
    idle = without_any_effect(tried)
    if idle:
        yield f"Never made a difference: {clean(', '.join(idle))}."
