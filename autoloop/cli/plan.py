"""``autoloop plan``: the plan of a study, without running it."""

from __future__ import annotations

import click

from autoloop.cli.launch import become


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("overrides", nargs=-1, type=click.UNPROCESSED, metavar="[OVERRIDES]...")
def command(overrides: tuple[str, ...]) -> None:
    """Show what round 1 would run and what could follow; run nothing.

    Takes the arguments of `python -m autoloop.train -m`: overrides, comma lists and
    edits. For each job what it changes is shown, then the rules and what ends
    the study. With detail=full also each job's directory, slot and command,
    which running jobs would be stopped, and what each rule waits for and would
    change. The same as dry_run=true, which any Hydra app with this sweeper
    takes.
    """
    given = [text for text in overrides if text not in ("-m", "--multirun")]
    become(["python", "-m", "autoloop.train", "-m", "hydra.sweeper.dry_run=true", *given])
