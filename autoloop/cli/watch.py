"""``autoloop watch``: look at a study while it runs, or after."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from autoloop.cli.options import study_argument
from autoloop.views.live.watch import watch


@click.command()
@study_argument
def command(study: Path) -> None:
    """Watch a study while it runs.

    Works from another terminal, until the study ends. On a terminal, slots, progress, decisions and warnings
    are drawn twice a second; elsewhere each event is a line. Nothing is changed or locked, and Ctrl-C leaves
    the study running. Exits with 1 if the study is unfinished and no process runs it any more.
    """
    if not watch(study, sys.stdout):
        raise SystemExit(1)
