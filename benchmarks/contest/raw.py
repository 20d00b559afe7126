"""Raw results of a benchmark: a CSV file that grows as studies end, the commands that fill and show it."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path


def read(file: Path) -> list[dict[str, str]]:
    """Read raw results; none where there is no file."""
    if not file.exists():
        return []
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def append(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Add rows, below the names of their columns where the file is new."""
    new = not file.exists()
    with file.open("a", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        if new:
            writer.writerow(columns)
        writer.writerows(rows)


def commands(about: str, first: int, studies: int) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Make the parser of a benchmark with the commands ``run`` and ``report``, and that of ``run``."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    found = parser.add_subparsers(dest="command", required=True)
    runs = found.add_parser("run")
    runs.add_argument("--studies", type=int, default=studies)
    runs.add_argument("--first", type=int, default=first, help="seed of the first study")
    found.add_parser("report")
    return parser, runs


def seeds(given: argparse.Namespace) -> range:
    """The studies that ``run`` is to run."""
    return range(given.first, given.first + given.studies)
