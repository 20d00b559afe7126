"""When which slot was busy, so that idle time can be seen."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from autoloop.errors import counted
from autoloop.study.record import Job
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.chart import AxisScale, Box, axes, drawing, fit, label
from autoloop.views.report.figures.markup import Markup, el

LANE = 26.0  # px from one slot to the next


@dataclass(frozen=True, slots=True)
class Span:
    """A job's time on a lane, in seconds since the study's first job, pauses of the study left out."""

    job: Job
    start: float
    end: float


def timeline(facts: Facts, until: float = -math.inf) -> Markup | None:
    """Return the section; None while no job has started.

    Args:
        facts: What the study amounts to.
        until: Jobs that run last until then at least, seconds since the epoch.
    """
    lanes, cuts = busy_lanes(facts, until)
    if not lanes:
        return None
    latest = max(span.end for lane in lanes.values() for span in lane)
    unit, seconds = _unit(latest)
    box = Box(120, 10, 1000, 10 + LANE * len(lanes))
    x = fit([0.0, latest / seconds], box.left, box.right, air=0)
    rows = [
        _lane(facts, name, lane, box.top + LANE * row, (x, seconds))
        for row, (name, lane) in enumerate(lanes.items())
    ]
    idle = 1 - busy_share(lanes)
    image = drawing(
        1090,
        box.bottom + 42,
        "Timeline of the slots",
        f"{counted(len(lanes), 'slot')}, {text.number(x.high, 3)} {unit}, idle {100 * idle:.0f} % of them.",
        axes(box, x, None, unit, x_ticks=8),
        *rows,
        *(_cut(x(at / seconds), box) for at in cuts),
    )
    note = f"Slots were idle {100 * idle:.0f} % of the time (grey). Green: the best trial; red: no result."
    if any(facts.study.jobs[job].stop_step is not None for job in facts.is_drawn):
        note += " Grey bars with a mark at their end: ended by a stop rule."
    note += " Dotted lines: the study continued after a pause, which is left out." if cuts else ""
    return el(
        "section",
        el("h2", "Timeline of the slots"),
        el("p", note, class_="soft"),
        el("figure", el("div", image, class_="scroll", tabindex=0, role="group", aria_label="Timeline")),
        id="timeline",
    )


def busy_lanes(facts: Facts, until: float = -math.inf) -> tuple[dict[str, Lane], list[float]]:
    """Slot -> the jobs it ran, in order of time, and where the study was taken up again after a pause.

    Jobs of a launcher without slots are put on as few lanes as their times allow. A job that still runs lasts
    until the latest time in the journal, and until ``until`` at least.
    """
    jobs = [job for job in facts.study.jobs.values() if math.isfinite(job.started_at)]
    jobs.sort(key=lambda job: job.started_at)
    if not jobs:
        return {}, []
    known = array("d", (facts.ended_at(job) for job in jobs))
    now = max(until, jobs[-1].started_at, max((end for end in known if math.isfinite(end)), default=until))
    zero, pauses = jobs[0].started_at, facts.pauses
    lanes: dict[str, Lane] = {}
    for job, known_end in zip(jobs, known, strict=True):
        end = known_end if math.isfinite(known_end) else now
        start = _clock(job.started_at, zero, pauses)
        end = max(start, _clock(end, zero, pauses))  # the clock may have been set back
        lanes.setdefault(_lane_of(Span(job, start, end), lanes), Lane()).add(job, start, end)
    return dict(sorted(lanes.items(), key=_order)), [_clock(end, zero, pauses) for _, end in pauses]


def busy_share(lanes: dict[str, Lane]) -> float:
    """Share of slot time, 0 to 1, in which a job ran."""
    whole = max(span.end for lane in lanes.values() for span in lane) * len(lanes)
    used = sum(span.end - span.start for lane in lanes.values() for span in lane)
    return min(1.0, used / whole) if whole > 0 else 1.0


def _clock(moment: float, zero: float, pauses: Sequence[tuple[float, float]]) -> float:
    """Seconds from time zero to a moment, pauses not counted."""
    paused = sum(min(moment, end) - start for start, end in pauses if moment > start)
    return max(0.0, moment - zero - paused)


def _lane_of(span: Span, lanes: dict[str, Lane]) -> str:
    if span.job.slot is not None:
        gpus = f" (GPU {', '.join(span.job.gpus)})" if span.job.gpus else ""
        return f"slot {span.job.slot}{gpus}"
    free = (name for name, lane in lanes.items() if name.startswith("lane") and lane[-1].end <= span.start)
    return next(free, f"lane {sum(name.startswith('lane') for name in lanes)}")


class Lane(Sequence[Span]):
    """The jobs of a slot in order of time: of a hundred thousand the times alone are kept, 16 bytes each."""

    __slots__ = ("_jobs", "_times")

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._times = array("d")  # start and end of each by turns

    def add(self, job: Job, start: float, end: float) -> None:
        """Add a job that began after the others."""
        self._jobs.append(job)
        self._times.extend((start, end))

    def __len__(self) -> int:
        return len(self._jobs)

    @overload
    def __getitem__(self, place: int) -> Span: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Span]: ...

    def __getitem__(self, place: int | slice) -> Span | Sequence[Span]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        return Span(self._jobs[place], self._times[2 * place], self._times[2 * place + 1])


def _order(entry: tuple[str, Lane]) -> tuple[int, str]:
    slot = entry[1][0].job.slot
    return (slot if slot is not None else -1, entry[0])


def _unit(seconds: float) -> tuple[str, float]:
    return ("seconds", 1.0) if seconds < 180 else ("minutes", 60.0) if seconds < 10_800 else ("hours", 3600.0)


def _lane(facts: Facts, name: str, lane: Sequence[Span], top: float, time: tuple[AxisScale, float]) -> Markup:
    x, seconds = time
    used = sum(span.end - span.start for span in lane) / seconds
    share = f"{100 * used / x.high:.0f} % busy" if x.high else ""
    ground = el("rect", x=x.start, y=top + 2, width=x.end - x.start, height=LANE - 5, rx=3, class_="lane")
    bars = [
        _bar(facts, span, top + 2, (x(span.start / seconds), x(span.end / seconds)))
        for span in lane
        if span.job.job in facts.is_drawn
    ]
    title = label(x.start - 8, top + 17, text.shorten(text.clean(name), 18), anchor="end")
    return el("g", title, ground, *bars, label(x.end + 8, top + 17, share))


def _bar(facts: Facts, span: Span, top: float, ends: tuple[float, float]) -> Markup:
    job, (left, right) = span.job, ends
    width = round(max(right - left - 1, 1), 1)
    style = "bar best" if facts.is_best(job) else f"bar {facts.kind(job)}"
    hint = el("title", f"{facts.hint(job)}, {text.duration(span.end - span.start)}")
    bar = el("rect", hint, x=left, y=top, width=width, height=LANE - 5, rx=3, class_=style)
    name = text.clean(job.name)
    room = int((width - 8) / 6.6)
    inside = label(left + 5, top + 15, text.shorten(name, room), class_="inbar") if room >= 4 else None
    return el("g", bar, _end(span, right, top), inside)


def _end(span: Span, right: float, top: float) -> Markup | None:
    """A mark where a stop rule ended the job."""
    if span.job.stop_step is None:
        return None
    return el("line", x1=right - 2, x2=right - 2, y1=top, y2=round(top + LANE - 5, 1), class_="barend")


def _cut(at: float, box: Box) -> Markup:
    return el("line", x1=at, x2=at, y1=box.top, y2=box.bottom, class_="cut")
