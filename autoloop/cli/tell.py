"""``autoloop tell``: requests to a study while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from autoloop.cli.options import study_argument
from autoloop.edits.variants import parse_entries
from autoloop.errors import ConfigError
from autoloop.loop.controls import ACTIONS, parse_control
from autoloop.store.journal import read_study
from autoloop.store.redact import without_controls
from autoloop.store.requests import send
from autoloop.study.events import UserControl


@click.command(
    context_settings={"ignore_unknown_options": True},
    epilog="\b\nREQUEST is one of\n" + "\n".join(f"  {usage}" for usage in ACTIONS.values()),
)
@study_argument
@click.argument("args", nargs=-1, metavar="REQUEST...", type=click.UNPROCESSED)
@click.option("--wait", default=5.0, show_default=True, help="Seconds to wait for the answer.")
def command(study: Path, args: tuple[str, ...], wait: float) -> None:
    """Steer a running study: stop a job, add a variant, pause.

    The process that runs the study takes the request within two seconds, records in the journal who made it
    and when, carries it out, and its answer is printed. JOB is a name or a number. A variant may also be
    written as in queue.yaml: autoloop tell DIR add '{half_lr: {lr@mul: 0.5}}'. If no process runs the study,
    requests about later jobs wait for autoloop resume. Exits with 1 if the request was refused, came too
    late or was not answered.
    """
    record = read_study(study)
    answers = [send(study, record, control, wait) for control in list(_requests(args))]
    for taken, outcome in answers:
        click.echo(without_controls(outcome if taken else f"refused: {outcome}"), err=not taken)
    if not all(taken for taken, _ in answers):
        raise SystemExit(1)


def _requests(args: Sequence[str]) -> Iterator[UserControl]:
    """The requests; several if several variants are written as in the queue's file.

    Raises:
        ConfigError: They cannot be parsed.
    """
    if len(args) == 2 and args[0] == "add" and args[1].lstrip().startswith(("{", "[")):
        for entry in parse_entries(_yaml(args[1])):
            reason = [f"reason={entry.reason}"] if entry.reason else []
            yield parse_control(["add", *entry.edits, f"name={entry.name}", *reason])
    else:
        yield parse_control(args)


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{text!r} is not YAML: {' '.join(str(error).split())[:200]}") from error
