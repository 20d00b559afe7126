"""``autoloop generate``: one variant of a config by edits."""

from __future__ import annotations

import shlex
from datetime import datetime, timezone
from pathlib import Path

import click

from autoloop.cli.launch import become
from autoloop.cli.options import GreedyCommand
from autoloop.views.generate import Base, base_from_file, base_from_job, base_from_wandb, generate
from autoloop.views.report.text import value

FILE = click.Path(dir_okay=False, path_type=Path)
DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.command(cls=GreedyCommand)
@click.option("--base-cfg", type=FILE, metavar="FILE", help="Start from a JSON or YAML file.")
@click.option("--from-wandb", metavar="ENTITY/PROJECT/RUN", help="Start from the config of a W&B run.")
@click.option("--from-job", type=(DIRECTORY, str), metavar="DIR JOB", help="Start from a job of a study.")
@click.option("--changes", multiple=True, metavar="EDIT...", help="Edits path@op=value.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the lineage. Needed with --changes.")
@click.option("--out-dir", type=DIRECTORY, metavar="DIR", help="Where to write; default: beside the base.")
@click.option(
    "--task", default="lerobot_act_ot", show_default=True, help="What trains the file; see conf/task."
)
@click.option("--run", is_flag=True, help="Train it at once.")
@click.argument("overrides", nargs=-1, metavar="[-- OVERRIDES]...")
def command(
    base_cfg: Path | None,
    from_wandb: str | None,
    from_job: tuple[Path, str] | None,
    changes: tuple[str, ...],
    reason: str,
    out_dir: Path | None,
    task: str,
    run: bool,
    overrides: tuple[str, ...],
) -> None:
    """Make one variant of a config by edits.

    It is written beside the base, or to --out-dir, under a new name; no file is ever replaced. Types and the
    order of keys are kept. Where it comes from stands beside it, in NAME.lineage.json. The path is printed,
    and the command that trains it; OVERRIDES, such as steps=2000, are added to that command.
    """
    if changes and not reason.strip():
        raise click.UsageError("--changes needs a --reason: it is kept with the file")
    base = _base(base_cfg, from_wandb, from_job, task)
    if base_cfg is not None and not changes:
        raise click.UsageError("--base-cfg needs --changes, for instance --changes batch_size@mul=2")
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    done = generate(base, changes, reason or "a copy", out_dir, created)
    line = [*done.command, *overrides]
    for path, old, new in done.change.changes:
        click.echo(f"{path}: {value(old)} -> {value(new)}", err=True)
    for note in done.change.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(str(done.path))
    click.echo(shlex.join(line))
    if run:
        become(line)


def _base(
    base_cfg: Path | None, from_wandb: str | None, from_job: tuple[Path, str] | None, task: str
) -> Base:
    given = [source for source in (base_cfg, from_wandb, from_job) if source is not None]
    if len(given) != 1:
        raise click.UsageError("give one of --base-cfg, --from-wandb and --from-job")
    if base_cfg is not None:
        return base_from_file(base_cfg, task)
    if from_wandb is not None:
        return base_from_wandb(from_wandb, task)
    assert from_job is not None
    return base_from_job(*from_job)
