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
    """Show what was tried so far.

    For all studies in the given directories and below: baseline, best result and gain of each, the best
    result of all, and for each knob how often a change of this knob alone was better or worse by more than
    the noise. Studies of the same app and objective are grouped.
    """
    click.echo(redact(past_text(*past_studies(tops)), os.environ))
