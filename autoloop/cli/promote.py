"""``autoloop promote``: a trial worth a full training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from autoloop.cli.launch import become, check_trust, revealed, shown, stored_command
from autoloop.cli.options import study_argument, trust_option
from autoloop.store.journal import read_study
from autoloop.views.promote import promoted_command


@click.command()
@study_argument
@click.argument("args", nargs=-1, metavar="[JOB] [OVERRIDES]...")
@click.option("--run", is_flag=True, help="Start it; else the command is only printed.")
@click.option("--resume", is_flag=True, help="Go on from the job's checkpoint, where the trainer can.")
@trust_option
def command(study: Path, args: tuple[str, ...], run: bool, resume: bool, trust: bool) -> None:
    """Train a job's configuration at full length.

    Prints the command that trains the exact configuration of JOB (default: the best) again, with OVERRIDES
    such as steps=200000, as a separate run in DIR/promoted. Run it in the directory where the study was
    started.
    """
    record = read_study(study)
    job, overrides = (args[0], args[1:]) if args and "=" not in args[0] else (None, args)
    line = promoted_command(replace(record, header=revealed(record.header)), job, overrides, study, resume)
    click.echo(shown(line))
    if run:
        if not trust:
            check_trust(study, line)
        become(line, stored_command(record.header)[1])
