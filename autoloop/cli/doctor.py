"""``autoloop doctor``: an environment on one screen."""

from __future__ import annotations

import os
from pathlib import Path

import click

from autoloop.views.doctor.examine import examine


@click.command()
@click.argument(
    "app", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[APP]"
)
@click.argument("overrides", nargs=-1, metavar="[OVERRIDES]...")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where studies are to be written. Default: here.",
)
def command(app: Path | None, overrides: tuple[str, ...], folder: Path) -> None:
    """Show what this environment has, and what is wrong with it.

    Shows versions, Hydra's plugins and what they offer, GPUs, W&B's mode, free space, whether locks work and
    who runs the studies here, /dev/shm; then which versions exclude each other, and what is missing for APP,
    a main program, with OVERRIDES as on its command line. APP is not run. The output is one screen without
    secrets, which you can paste into an issue; the exit code is 1 if something is wrong.
    """
    text, wrong = examine(folder.absolute(), app, overrides, os.environ)
    click.echo(text)
    raise SystemExit(1 if wrong else 0)
