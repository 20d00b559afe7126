"""``autoloop sync``: the command that uploads a study."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.views.wandb_commands import sync_command


@click.command()
@click.argument("top", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
def command(top: Path) -> None:
    """Print the command that uploads a study to W&B.

    One `wandb sync` for all offline runs below DIR, oldest first. Nothing is sent.
    """
    click.echo(sync_command(top))
