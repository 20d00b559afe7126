"""``autoloop sync``: the command that uploads a study."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from autoloop.errors import OutsideError
from autoloop.history.find import LOG, sources


@click.command()
@click.argument("top", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
def command(top: Path) -> None:
    """Print the command that uploads a study to W&B.

    One `wandb sync` for all offline runs below DIR, oldest first. Nothing is sent.
    """
    click.echo(sync_command(top))


def sync_command(top: Path) -> str:
    """Return the shell line that uploads the offline runs below a directory.

    Raises:
        OutsideError: There is no offline run.
    """
    found = [source.run_dir for source in sources(top) if source.kind == LOG]
    offline = [path for path in reversed(found) if path.name.startswith("offline-run-")]
    if not offline:
        raise OutsideError(f"no offline W&B run below {top}: there is nothing to upload")
    pattern = "*/wandb/offline-run-*"
    if len(offline) > 1 and set(top.glob(pattern)) == set(offline):
        return f"wandb sync {shlex.quote(str(top))}/{pattern}"
    return shlex.join(["wandb", "sync", *dict.fromkeys(map(str, offline))])
