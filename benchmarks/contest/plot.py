"""A picture of means with their intervals, drawn with the report's own charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoloop.views.report.figures.chart import Box, axes, drawing, fit, label
from autoloop.views.report.figures.markup import Markup, el

WIDTH, ROW, LEFT = 720.0, 34.0, 130.0
COLOURS = ("#8793a0", "#0b63c5", "#0b7a63")
STYLE = """
svg{background:#fff;font:13px system-ui,sans-serif}
text{fill:#56636f}
.grid{stroke:#e9edf0}
.axis{stroke:#8793a0}
"""

Mark = tuple[float, float, float]
"""Mean, lower end, upper end."""


def plot(marks: Mapping[str, Sequence[Mark]], series: Sequence[str], title: str) -> str:
    """Return an SVG file: a row for each name, a line from the lower to the upper end for each series."""
    box = Box(LEFT, 34.0, WIDTH - 20, 34.0 + ROW * len(marks))
    ends = [0.0, *(value for row in marks.values() for mark in row for value in mark)]
    x = fit(ends, box.left, box.right)
    content: list[Markup] = [el("style", Markup(STYLE)), axes(box, x, None, title)]
    for place, (name, row) in enumerate(marks.items()):
        middle = box.top + ROW * (place + 0.5)
        content.append(label(box.left - 10, middle + 4, name, anchor="end"))
        for number, (mean, low, high) in enumerate(row):
            y = middle + 9 * (number - (len(row) - 1) / 2)
            colour = COLOURS[number]
            content.append(el("line", x1=x(low), x2=x(high), y1=y, y2=y, stroke=colour, stroke_width=2))
            content.append(el("circle", cx=x(mean), cy=y, r=4, fill=colour))
    for number, name in enumerate(series):
        at = box.left + 90 * number
        content.append(el("circle", cx=at, cy=16, r=4, fill=COLOURS[number]))
        content.append(label(at + 9, 20, name))
    told = "; ".join(
        f"{name}: {', '.join(f'{mean:.3f} after {of}' for (mean, _, _), of in zip(row, series, strict=True))}"
        for name, row in marks.items()
    )
    svg = drawing(WIDTH, box.bottom + 44, title, told, *content)
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"
