"""``autoloop plan``: the plan of a study, without running it."""

from __future__ import annotations

import click

from autoloop.train import main


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[OVERRIDES]...")
def command(words: tuple[str, ...]) -> None:
    """Show what round 1 would run; run nothing.

    Takes the words of `python -m autoloop.train -m`: overrides, comma lists and edits. For each job its
    directory, what it changes and its overrides are shown. The same as dry_run=true.
    """
    given = [word for word in words if word not in ("-m", "--multirun")]
    main(["-m", "hydra.sweeper.dry_run=true", *given])
