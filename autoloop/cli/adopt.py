"""``autoloop adopt``: a config written for another sweeper, in our settings."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.config.base_config import read_config_file
from autoloop.config.peers import adoption
from autoloop.errors import ConfigError


@click.command()
@click.argument("config", type=click.Path(path_type=Path, dir_okay=False))
def command(config: Path) -> None:
    """Show a config for another Hydra sweeper in autoloop's settings.

    CONFIG is a YAML file of your app with settings for Optuna's, Ax's,
    Nevergrad's or Hydra's basic sweeper. The file is not changed: most such
    files work unchanged with `-m hydra/sweeper=autoloop`. What is printed means
    the same in autoloop's settings.
    """
    notes, block = adoption(read_config_file(config))
    if not block:
        raise ConfigError(f"{config} has no settings for a sweeper: neither hydra.sweeper nor hydra/sweeper")
    for note in notes:
        click.echo(f"# {note}")
    click.echo("\n".join(block))
