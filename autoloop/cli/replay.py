"""``autoloop replay``: other rules over old runs."""

from __future__ import annotations

import os
from pathlib import Path

import click

from autoloop.cli.options import metrics_from_option, rules_option
from autoloop.errors import OutsideError
from autoloop.store.redact import redact
from autoloop.views.analysis.replay import replay_study, replay_text
from autoloop.views.analysis.runs import Look
from autoloop.views.analysis.sources import choose_metrics, choose_rules, study_in
from autoloop.views.analysis.tables import proposals_text
from autoloop.views.analysis.tree import analyse_tree


@click.command()
@click.argument("top", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@rules_option
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="RULE.SETTING=VALUE",
    help="Change a setting of a rule, such as plateau.stayed_within_pct=2; RULE=null switches one off.",
)
@metrics_from_option
@click.option("--trust", is_flag=True, help="Import the study's own rules from modules outside autoloop too.")
def command(
    top: Path, rules: str | None, changes: tuple[str, ...], metrics_from: str | None, trust: bool
) -> None:
    """Show what other rules would have decided.

    DIR is a study, or any directory with W&B runs below it. Of a study every round is judged again, by its
    own rules or those of --rules, and compared with what was decided then: = as before, ~ with other edits,
    + new, - gone. Nothing is run and nothing is written.
    """
    study = study_in(top)
    chosen, metrics = choose_rules(rules, study, changes, trust), choose_metrics(metrics_from, study)
    if study is not None:
        click.echo(redact(replay_text(replay_study(study, top, chosen, metrics)), os.environ))
        return
    runs = analyse_tree(top, Look(metrics=metrics, rules=chosen))
    if not runs:
        raise OutsideError(f"{top} holds neither a study nor a W&B run")
    click.echo(redact(proposals_text(runs), os.environ))
