"""A `View` as a terminal shows it, cut to the room there is. Texts are never taken as rich's markup."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autoloop.views.live.view import SlotLine, View
from autoloop.views.report import text

WIDE = 100  # columns from which on there is room for the bars

_FEWEST = 3  # lines that decisions and warnings get at least


def draw(view: View, width: int, height: int) -> RenderableType:
    """Draw a view.

    Args:
        view: What to draw.
        width: Columns of the terminal.
        height: Lines of the terminal; what does not fit is left out, with a word on how much that is.
    """
    head = _head(view, width)
    table = _slots(view, width)
    room = height - len(head) - (len(view.slots) + 2 if view.slots else 0) - len(view.hints) - 5
    warnings = _cut(view.warnings, max(_FEWEST, room // 2))
    decisions = _cut(view.decisions, max(_FEWEST, room - len(warnings)))
    parts: list[RenderableType] = [*head]
    if view.slots:
        parts += [Text(), table]
    parts += _section(view.heading, decisions, "  ", "")
    parts += _section("Warnings", warnings, "! ", "red")
    if view.hints:
        parts += [Text(), *(_one_line(hint, "dim") for hint in view.hints)]
    return Group(*parts)


def clock(seconds: float) -> str:
    """A time span as ``m:ss`` or ``h:mm:ss``; a dash for NaN."""
    if not math.isfinite(seconds):
        return text.MISSING
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _head(view: View, width: int) -> list[Text]:
    """What the study is, how far, how good; facts share a line where they fit."""
    title = Text.assemble((view.task, "bold"), "  " if view.task else "", view.place)
    jobs, times = Text(_counts(view), style="red" if view.failed else "green"), Text(_times(view))
    best = Text.assemble("best ", (view.best, "bold")) if view.best else Text("no result yet")
    goal = Text(f"{view.metric}, {view.goal} is better", style="dim")
    lines = [title, *_beside(jobs, times, width), *_beside(best, goal, width)]
    if view.ended:
        lines.append(Text(f"over: {view.ended}", style="bold"))
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def _beside(left: Text, right: Text, width: int) -> list[Text]:
    together = Text.assemble(left, "   ", right)
    return [together] if together.cell_len <= width else [left, right]


def _counts(view: View) -> str:
    counts = [(view.done, "done"), (view.running, "running"), (view.waiting, "waiting")]
    counts += [(view.failed, "failed"), *([(view.other, "stopped")] if view.other else [])]
    jobs = ", ".join(f"{number} {word}" for number, word in counts)
    return f"round {view.round} of {view.rounds}: {jobs}"


def _times(view: View) -> str:
    left = f", ~{clock(view.left_s)} left" if math.isfinite(view.left_s) else ""
    return f"{clock(view.spent_s)} spent{left}"


def _slots(view: View, width: int) -> Table:
    """One row per slot; narrow terminals get no bars, and no column is drawn that is empty throughout."""
    wide = width >= WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=wide, header_style="dim")
    gpus = any(line.gpus for line in view.slots)
    slotted = any(line.slot is not None for line in view.slots)
    if slotted:
        table.add_column("slot", justify="right", no_wrap=True)
    if gpus:
        table.add_column("gpu", no_wrap=True)
    table.add_column("job", min_width=12)  # the only one that may shrink; its cells are never wrapped
    if wide:
        table.add_column("", ratio=1, min_width=10)
    for title in ("step", "now", "best", "steps/s", "left"):
        table.add_column(title, justify="right", no_wrap=True)
    for line in view.slots:
        cells: list[RenderableType] = []
        cells += [Text(text.MISSING if line.slot is None else str(line.slot))] if slotted else []
        cells += [Text(",".join(line.gpus))] if gpus else []
        cells += [_name(line)]
        cells += [_bar(line)] if wide else []
        table.add_row(*cells, *map(Text, _numbers(line)))
    return table


def _name(line: SlotLine) -> Text:
    return _one_line("idle", "dim") if line.job is None else _one_line(f"{line.job} {line.name}", "")


def _bar(line: SlotLine) -> RenderableType:
    if line.job is None or not line.steps:
        return Text()
    return ProgressBar(total=line.steps, completed=min(line.step or 0, line.steps))


def _numbers(line: SlotLine) -> list[str]:
    """Step, objective now and best, speed, time left."""
    if line.job is None:
        return [""] * 5
    if line.step is None:
        return [f"starting {clock(line.running_s)}", "", "", "", ""]
    step = f"{line.step}/{line.steps}" if line.steps else str(line.step)
    numbers = [text.number(line.value), text.number(line.best), text.number(line.rate, 3)]
    return [step, *numbers, clock(line.left_s)]


def _cut(lines: Sequence[str], most: int) -> list[str]:
    if len(lines) <= most:
        return list(lines)
    return [*lines[: most - 1], f"and {len(lines) - most + 1} more"]


def _section(heading: str, lines: Sequence[str], mark: str, style: str) -> list[RenderableType]:
    if not lines:
        return []
    return [Text(), Text(heading, style="bold"), *(_one_line(f"{mark}{line}", style) for line in lines)]


def _one_line(line: str, style: str) -> Text:
    return Text(line, style=style, no_wrap=True, overflow="ellipsis")
