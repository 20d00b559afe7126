"""``autoloop history``: what was tried on an app so far."""

from __future__ import annotations

import os
from pathlib import Path

import click

from autoloop.store.redact import redact
from autoloop.views.past import past_studies, past_text


@click.command()
@click.argument(
    "tops",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR...",
    nargs=-1,
    required=True,
)
def command(tops: tuple[Path, ...]) -> None:
    """Tell what was tried so far.

    Of all studies in and below some directories: baseline, best and gain of each, the best ever, and for
    each knob how often a change of it alone was better or worse by more than noise. Studies of one app and
    objective stand together.
    """
    click.echo(redact(past_text(*past_studies(tops)), os.environ))
