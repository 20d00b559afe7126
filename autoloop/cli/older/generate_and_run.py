"""``python -m autoloop.generate_and_run``: an older name of ``autoloop generate``, with its options."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.cli import call
from autoloop.cli.options import GreedyCommand


@click.command(cls=GreedyCommand)
@click.option(
    "--base-cfg", required=True, type=click.Path(path_type=Path), metavar="FILE", help="The base config."
)
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option("--changes", required=True, multiple=True, metavar="EDIT...", help="Edits path@op=value.")
@click.option("--steps", type=click.IntRange(1), metavar="N", help="Train for so many steps.")
@click.option("--out-dir", type=click.Path(path_type=Path), metavar="DIR", help="Where to write.")
@click.option("--task", metavar="NAME", help="What trains the file.")
@click.option("--exec", "--run", "run", is_flag=True, help="Train it at once.")
@click.option("--wandb-online", is_flag=True, help="Log to W&B's server.")
@click.option("--wandb-entity", metavar="NAME", help="W&B entity.")
@click.option("--wandb-project", metavar="NAME", help="W&B project.")
@click.argument("args", nargs=-1, metavar="[-- OVERRIDES]...")
def command(
    base_cfg: Path,
    reason: str,
    changes: tuple[str, ...],
    steps: int | None,
    out_dir: Path | None,
    task: str | None,
    run: bool,
    wandb_online: bool,
    wandb_entity: str | None,
    wandb_project: str | None,
    args: tuple[str, ...],
) -> None:
    """Make one variant of a config by edits; the same as `autoloop generate`."""
    options = {"--base-cfg": base_cfg, "--reason": reason, "--out-dir": out_dir, "--task": task}
    overrides = {
        "steps": steps,
        "wandb.mode": "online" if wandb_online else None,
        "wandb.entity": wandb_entity,
        "wandb.project": wandb_project,
    }
    call(
        "generate",
        *(arg for name, value in options.items() if value is not None for arg in (name, str(value))),
        *(["--run"] if run else []),
        "--changes",
        *changes,
        "--",
        *(f"{key}={value}" for key, value in overrides.items() if value is not None),
        *args,
    )
