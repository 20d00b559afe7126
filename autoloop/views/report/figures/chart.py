"""What every chart is made of: scales, ticks, axes, lines and the frame a screen reader can name."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np

from autoloop.history.series import Series
from autoloop.views.report import text
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.markup import Markup, el, join

LARGEST = 1e200  # values from here on are no measurements, and arithmetic on axes would overflow
REACH = 6.0  # interquartile ranges; a result beyond is drawn at the edge and does not stretch the axis
BUCKETS = 24  # of a curve that is thinned
LINE_POINTS = 3 * BUCKETS + 2  # three of each bucket, see `thin`, and both ends


@dataclass(frozen=True, slots=True)
class Box:
    """Plot area within a drawing, in px."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class AxisScale:
    """Maps values to px; values outside ``low`` to ``high`` are drawn at the edge.

    Attributes:
        low: Value drawn at ``start``.
        high: Value drawn at ``end``.
        start: Position in px.
        end: Position in px.
        log: Whether the scale is logarithmic; ``low`` is then positive.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Position of a finite value in px, to a tenth."""
        return self.beyond(min(max(value, self.low), self.high))

    def beyond(self, value: float) -> float:
        """The same, but outside of the scale where the value is; at most one length of the scale."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        share = min(max((at - low) / (high - low), -1.0), 2.0)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, most: int = 4) -> list[float]:
        """At most ``most`` round values on the scale: 1, 2 or 5 times a power of ten."""
        if self.log:
            return _log_ticks(self.low, self.high, most)
        step = next(
            step for step in _steps(self.high - self.low, most) if _fits(self.low, self.high, step, most)
        )
        first = math.ceil(self.low / step)
        return [tick * step for tick in range(first, math.floor(self.high / step) + 1)]


def fit(
    values: Iterable[float], start: float, end: float, log_above: float = math.inf, air: float = 0.06
) -> AxisScale:
    """Return a scale for the finite values, with some air at both ends.

    Args:
        values: Any numbers; NaN and those of `LARGEST` or more are left out. Of none, the scale is 0 to 1.
        start: Position of the low end in px.
        end: Position of the high end in px.
        log_above: Take a logarithmic scale if all values are positive and span more than this factor.
        air: What the scale goes beyond the values at either end, as a share of their span.
    """
    drawable = [value for value in values if abs(value) < LARGEST]
    low, high = (min(drawable), max(drawable)) if drawable else (0.0, 1.0)
    if low > 1 / LARGEST and math.log10(high) - math.log10(low) > math.log10(log_above):
        factor = 10 ** (air * (math.log10(high) - math.log10(low)))
        return AxisScale(low / factor, high * factor, start, end, log=True)
    if low == high:
        return AxisScale(low - (0.1 * abs(low) or 1.0), high + (0.1 * abs(high) or 1.0), start, end)
    return AxisScale(low - air * (high - low), high + air * (high - low), start, end)


def result_scale(facts: Facts, start: float, end: float) -> AxisScale:
    """Return the scale of the objective, the same in every figure.

    Results further than `REACH` interquartile ranges from the quartiles do not stretch it (they are drawn at
    its edge), except for the baseline's.
    """
    finite = [job.objective for job in facts.jobs if abs(job.objective) < LARGEST]
    kept = finite
    if len(finite) >= 8:
        lower, upper = np.percentile(finite, [25, 75])
        reach = REACH * (upper - lower)
        kept = [value for value in finite if lower - reach <= value <= upper + reach]
    base = [facts.baseline.objective] if facts.baseline else []
    return fit([*kept, *base], start, end, log_above=30)


def axes(
    box: Box, x: AxisScale | None, y: AxisScale | None, x_label: str = "", y_label: str = "", x_ticks: int = 5
) -> Markup:
    """Return grid lines, tick labels and axis titles; an axis without a scale has no ticks."""
    parts: list[Markup | None] = []
    for tick in y.ticks() if y else ():
        at = y(tick) if y else 0.0
        parts.append(el("line", x1=box.left, x2=box.right, y1=at, y2=at, class_="grid"))
        parts.append(label(box.left - 6, at + 4, text.number(tick, 3), anchor="end"))
    if x is not None:
        below = box.bottom + 16
        parts += [label(x(tick), below, text.number(tick, 3), anchor="middle") for tick in x.ticks(x_ticks)]
    parts.append(el("line", x1=box.left, x2=box.right, y1=box.bottom, y2=box.bottom, class_="axis"))
    parts.append(label(box.right, box.bottom + 32, x_label, anchor="end") if x_label else None)
    parts.append(label(box.left - 6, box.top - 8, y_label) if y_label else None)
    return join(parts)


def label(x: float, y: float, content: str, anchor: str | None = None, class_: str | None = None) -> Markup:
    """Return text in a drawing."""
    return el("text", content, x=round(x, 1), y=round(y, 1), text_anchor=anchor, class_=class_)


#: Where the curves of one small drawing lie.
PANEL = Box(48, 26, 330, 150)


def panel(title: str, description: str, *content: Markup | None) -> Markup:
    """Return the small drawing around `PANEL`; beside it there is room for the last label of the axis."""
    return drawing(352, 174, title, description, *content)


def cropped(box: Box, *content: Markup | None) -> Markup:
    """Return content of which only what lies in the box is seen."""
    width, height = box.right - box.left, box.bottom - box.top
    view = f"{box.left:g} {box.top:g} {width:g} {height:g}"
    return el("svg", *content, x=box.left, y=box.top, width=width, height=height, viewBox=view)


def drawing(width: float, height: float, title: str, description: str, *content: Markup | None) -> Markup:
    """Return an SVG image with a name and a description for those who cannot see it."""
    return el(
        "svg",
        el("title", title),
        el("desc", description),
        *content,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        style=f"--w:{width:g}px",
    )


def mark(kind: str, x: float, y: float, hint: str = "") -> Markup:
    """Return the mark of a trial with a hint to hover: a cross if it failed, a square if stopped, else a dot.

    Args:
        kind: Its `Facts.kind`; the CSS class of the mark.
        x: Position in px.
        y: Position in px.
        hint: Text of the hint; none if empty.
    """
    title = el("title", hint) if hint else None
    if kind == "failed":
        path = f"M{x - 4:.1f},{y - 4:.1f}l8,8m0,-8l-8,8"
        return el("path", title, d=path, class_="mark failed")
    if kind == "stopped":
        return el(
            "rect", title, x=round(x - 4, 1), y=round(y - 4, 1), width=8, height=8, class_="mark stopped"
        )
    return el("circle", title, cx=round(x, 1), cy=round(y, 1), r=4.5, class_=f"mark {kind}")


def line(series: Series, x: AxisScale, y: AxisScale, class_: str, buckets: int = BUCKETS) -> Markup:
    """Return a thinned curve, with gaps where a value cannot be drawn."""
    series = thin(series, buckets)
    path, pen_down = [], False
    for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
        drawn = math.isfinite(value) and not (y.log and value <= 0)
        if drawn:
            path.append(f"{'L' if pen_down else 'M'}{x(step):g},{y.beyond(value):g}")
        pen_down = drawn
    return el("path", d="".join(path) or "M0,0", class_=f"line {class_}")


def thin(series: Series, buckets: int = BUCKETS) -> Series:
    """Return a curve of at most 3 points for each bucket, and 2, that keeps its ends, peaks and valleys.

    Steps are cut into equal buckets; of each stay the lowest and the highest value and the first that is
    not finite.
    """
    size = len(series.values)
    if size <= 3 * buckets + 2:
        return series
    edges = np.linspace(0, size, buckets + 1).astype(int).tolist()
    chosen = {0, size - 1}
    for begin, end in pairwise(edges):
        bucket = series.values[begin:end]
        finite = np.isfinite(bucket)
        low, high = np.where(finite, bucket, np.inf).argmin(), np.where(finite, bucket, -np.inf).argmax()
        chosen |= {begin + int(low), begin + int(high), begin + int(finite.argmin())}
    kept = sorted(chosen)
    return Series(series.steps[kept], series.values[kept])


def _steps(span: float, most: int) -> Iterable[float]:
    magnitude = math.floor(math.log10(span / most))
    return (factor * 10.0**power for power in count(magnitude) for factor in (1, 2, 5))


def _fits(low: float, high: float, step: float, most: int) -> bool:
    return math.floor(high / step) - math.ceil(low / step) + 1 <= most


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    if len(powers) >= 2:
        return [10.0**power for power in powers[:: math.ceil(len(powers) / most)]]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [factor * 10.0**power for power in decades for factor in (1, 2, 5)]
    return [tick for tick in fine if low <= tick <= high]
