"""Analysed runs as text for a terminal and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from autoloop.curves.summary import MetricSummary
from autoloop.errors import counted
from autoloop.views.analysis.runs import AnalysedRun
from autoloop.views.report.data import FIELDS
from autoloop.views.report.facts import KEY_METRICS
from autoloop.views.report.text import MISSING, cell, clean, number, percent, shorten

_COLUMNS = 5  # metrics shown where the user asked for none


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned lines; the first row is the head, the first column is aligned to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
    return lines


def overview(runs: Sequence[AnalysedRun], where: str, asked: bool = False, width: int = 60) -> str:
    """Return what was found as text: a table, what could not be read, and what the rules propose.

    Args:
        runs: The runs, newest first.
        where: What was searched.
        asked: Whether the user chose the metrics; else the key metrics that the runs have are shown.
        width: Most characters of a run's name; the middle of a longer one is left out.
    """
    readable = [run for run in runs if run.readable]
    others = sorted({run.source for run in runs} - {"wandb", ""})
    what = "run" if others else "W&B run"
    lines = [f"{counted(len(runs), what)} in {clean(where)}, newest first"]
    if readable:
        lines += ["", *table(_rows(readable, asked, width))]
    lines += _section("Could not be read", (_problem(run, width) for run in runs if not run.readable))
    lines += _section("Read in part", (_problem(run, width) for run in readable if run.problem))
    if any(run.decisions for run in runs):
        lines += _section("Proposals", (line for run in readable for line in _proposals(run, width)), "none")
    return "\n".join(lines)


def _rows(runs: Sequence[AnalysedRun], asked: bool, width: int) -> list[list[str]]:
    titles = columns(runs, asked)
    head = ["run", "steps", *(clean(title) for title in titles)]
    rows = [[_name(run, width), str(run.steps), *_cells(run, titles.values())] for run in runs]
    if any(run.source != "wandb" for run in runs if run.source):  # else all are W&B's
        head.append("from")
        rows = [[*row, run.source.replace("_", " ")] for row, run in zip(rows, runs, strict=True)]
    return [head, *rows]


def columns(runs: Sequence[AnalysedRun], asked: bool) -> dict[str, str]:
    """Title -> metric of the columns: all that are there if the user chose them, else the most telling."""
    found = Counter(name for run in runs for name in run.summary)
    if asked:
        return {name: name for name in sorted(found)}
    key = {title: metric for title, metric in KEY_METRICS.items() if metric in found}
    return key or {name: name for name, _ in found.most_common(_COLUMNS)}


def _cells(run: AnalysedRun, metrics: Iterable[str]) -> Iterator[str]:
    for metric in metrics:
        found = run.summary.get(metric)
        yield _cell(found) if found else MISSING


def _cell(found: MetricSummary) -> str:
    """The last number and how far it moved; what was logged beside numbers is said."""
    odd = found.count - round(found.finite_share * found.count)
    if odd == found.count:
        return "NaN or inf" if odd else MISSING
    return f"{number(found.last)} ({_change(found)}{f', {odd} NaN or inf' if odd else ''})"


def _change(found: MetricSummary) -> str:
    """The change over the run; of a metric that begins at 0 as it is, for no percentage tells it."""
    return f"{found.delta:+.4g} from 0" if math.isinf(found.pct) else percent(found.pct)


def _name(run: AnalysedRun, width: int) -> str:
    return shorten(clean(run.key), width)


def _problem(run: AnalysedRun, width: int) -> str:
    return f"{_name(run, width)}: {clean(run.problem) or 'no metrics'}"


def _proposals(run: AnalysedRun, width: int) -> Iterator[str]:
    for decision in run.decisions:
        if decision.fired:
            yield f"{_name(run, width)}  {clean(decision.rule)}: {clean(decision.reason)}"
            yield f"    {clean(' '.join(decision.edits))}"


def proposals_text(runs: Sequence[AnalysedRun]) -> str:
    """Return what the rules propose for each run, and which runs could not be judged."""
    lines = [line for run in runs if run.readable for line in _proposals(run, len(run.key) + 1)]
    lines = lines or [f"no rule proposes anything for {counted(len(runs), 'run')}"]
    return "\n".join(
        [*lines, *_section("Could not be read", (_problem(r, 1000) for r in runs if not r.readable))]
    )


def _section(title: str, lines: Iterator[str], empty: str = "") -> list[str]:
    found = list(lines) or ([empty] if empty else [])
    return ["", f"{title}:", *(f"  {line}" for line in found)] if found else []


def as_csv(runs: Sequence[AnalysedRun]) -> str:
    """Return runs as CSV, one line for each run and metric; numbers are written in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run_dir", "steps", "metric", *FIELDS])
    for run in runs:
        for name, metric in run.summary.items():
            writer.writerow(map(cell, [run.key, run.steps, name, *metric.as_dict().values()]))
    return text.getvalue()
