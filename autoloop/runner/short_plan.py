"""The plan on one screen: a line for each job of round 1, then what may come after it, by names."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from autoloop.config.settings import Settings
from autoloop.edits.variants import Variant
from autoloop.errors import counted
from autoloop.loop.filling import Round
from autoloop.loop.outlook import end_lines
from autoloop.strategies import Foresight

_JOBS = 24  # jobs that have a line
_LINES = 8  # lines of any other list
_WIDTH = 110  # columns where the terminal does not say
_NAME = 32  # columns of the longest name
_CUT = " .."


def short_lines(
    head: Sequence[str], planned: Round, settings: Settings, foresight: Foresight
) -> Iterator[str]:
    """Yield what the jobs of round 1 change, and what comes after them, a line for each.

    Args:
        head: What is said first, in sentences.
        planned: Round 1.
        settings: The study's settings.
        foresight: What the strategy expects of the rounds after it.
    """
    width = shutil.get_terminal_size((_WIDTH, 24)).columns
    yield from (line for sentence in head for line in wrapped(sentence, width))
    yield ""
    yield from few(job_rows(planned.variants, width), _JOBS, "job")
    left_out = [cut(f"left out: {' '.join(one.edits)}: {one.why}", width) for one in planned.refused]
    yield from few(left_out, _LINES, "proposal")
    yield ""
    yield from (part for line in foresight.opening for part in wrapped(line, width))
    yield from _listed("Stop rules", [rule.name for rule in settings.watching.rules], width)
    if settings.limits.rounds > 1:
        yield from _later(settings, foresight, width)
    ends = [line.strip() for line in end_lines(settings.limits, foresight.dry)]
    yield from wrapped(f"The study ends {'; '.join(ends)}.", width)
    yield from wrapped(
        "detail=full shows the command and directory of each job, and what each rule would change.", width
    )


def _later(settings: Settings, foresight: Foresight, width: int) -> Iterator[str]:
    yield from wrapped(foresight.rounds, width)
    yield from _listed("Rules, by priority", [rule.name for rule in settings.rules], width)
    besides = [
        [cut(line, width)] if line.startswith(" ") else wrapped(line, width) for line in foresight.besides
    ]
    yield from few([line for lines in besides for line in lines], _LINES, "line")


def job_rows(variants: Sequence[Variant], width: int) -> list[str]:
    """Return a line for each job: its number, its name and what it changes, cut to a width.

    Args:
        variants: The jobs, in their order.
        width: Columns of a line.
    """
    names = [cut(variant.name, _NAME) for variant in variants]
    digits, longest = len(str(len(names) - 1)), max(map(len, names), default=0)
    return [
        cut(f"job {number:<{digits}}  {name:<{longest}}  {change_of(variant)}", width)
        for number, (name, variant) in enumerate(zip(names, variants, strict=True))
    ]


def change_of(variant: Variant) -> str:
    """What a job changes; where it changes nothing, why it runs."""
    changes = [f"{path}: {old!r} -> {new!r}" for path, old, new in variant.changes]
    return ", ".join(changes) or variant.reason


def cut(text: str, width: int) -> str:
    """A text in one line of at most so many columns."""
    line = " ".join(text.split(" ")).replace("\n", " ").rstrip()
    return line if len(line) <= width else line[: width - len(_CUT)].rstrip() + _CUT


def few(lines: Sequence[str], most: int, what: str) -> Iterator[str]:
    """Yield the first lines, and how many there are besides."""
    yield from lines[:most]
    if len(lines) > most:
        yield f"... and {counted(len(lines) - most, what)} more"


def wrapped(text: str, width: int) -> list[str]:
    """A sentence in lines of at most so many columns."""
    return textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False)


def _listed(what: str, names: Iterable[str], width: int) -> list[str]:
    return wrapped(f"{what}: {', '.join(names) or 'none'}.", width)
