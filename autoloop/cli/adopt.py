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
    """Show a config for another Hydra sweeper in settings of autoloop.

    CONFIG is a YAML file of your app that says something to Optuna's, Ax's,
    Nevergrad's or Hydra's basic sweeper. The file is left as it is: most run
    unchanged with `-m hydra/sweeper=autoloop`, and what is printed says the same
    in the settings of autoloop.
    """
    notes, block = adoption(read_config_file(config))
    if not block:
        raise ConfigError(
            f"{config} says nothing to a sweeper: it has neither hydra.sweeper nor hydra/sweeper"
        )
    for note in notes:
        click.echo(f"# {note}")
    click.echo("\n".join(block))
