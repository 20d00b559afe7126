"""``python -m autoloop.analyze_wandb``: an older name of ``autoloop analyze --online``, with its options."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.cli import call
from autoloop.cli.options import GreedyCommand


@click.command(cls=GreedyCommand)
@click.option("--entity", required=True, envvar="WANDB_ENTITY", metavar="NAME", help="W&B entity.")
@click.option("--project", required=True, envvar="WANDB_PROJECT", metavar="NAME", help="W&B project.")
@click.option("--group", default="", metavar="TEXT", help="Only runs whose group contains TEXT.")
@click.option("--tags", multiple=True, metavar="TAG...", help="Only runs that have all of these tags.")
@click.option(
    "--limit", "--max-runs", type=click.IntRange(1), metavar="N", help="At most N runs, the newest."
)
@click.option("--rules", default="act_ot", show_default=True, metavar="NAME|FILE", help="Rules to ask.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a summary file as well.")
def command(
    entity: str,
    project: str,
    group: str,
    tags: tuple[str, ...],
    limit: int | None,
    rules: str,
    out: Path | None,
) -> None:
    """Summarise the runs of a W&B project and propose edits; the same as `autoloop analyze --online`."""
    options = {"--group": group or None, "--limit": limit, "--rules": rules, "--json": out}
    call(
        "analyze",
        "--online",
        f"{entity}/{project}",
        *(arg for name, value in options.items() if value is not None for arg in (name, str(value))),
        *(arg for tag in tags for arg in ("--tag", tag)),
    )
