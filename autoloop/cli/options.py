"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

study_argument = click.argument(
    "study", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR"
)
job_argument = click.argument("job", metavar="JOB")
trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Run the study's command although the study belongs to another user, or its command is not a Python "
    "file or module.",
)
rules_option = click.option(
    "--rules", metavar="NAME|FILE", help="Rules to ask: a file of conf/rules by its name, or a YAML file."
)
metrics_from_option = click.option(
    "--metrics-from",
    metavar="NAME|FILE",
    help="Aliases and goals of metrics: a file of conf/metrics by its name, or a YAML file. "
    "Default: those of the study, else act_ot and general together.",
)


def file_option(name: str, help_text: str) -> Decorator:
    """An option that takes the name of a file to write."""
    return click.option(name, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=help_text)


class GreedyCommand(click.Command):
    """A command whose ``multiple`` options take all that follows up to the next one, as argparse's ``+``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its values, then let click read them."""
        greedy = {
            flag
            for parameter in self.params
            for flag in parameter.opts
            if getattr(parameter, "multiple", False)
        }
        return super().parse_args(ctx, repeat_options(args, greedy))


def repeat_options(args: list[str], greedy: set[str]) -> list[str]:
    """Return arguments in which each value of a greedy option has that option before it.

    >>> repeat_options(["--changes", "a@set=1", "b@set=2", "--run"], {"--changes"})
    ['--changes', 'a@set=1', '--changes', 'b@set=2', '--run']
    """
    result: list[str] = []
    current = ""
    for arg in args:
        if arg.startswith("--"):
            current = arg if arg in greedy else ""
            result.append(arg)
        elif current and result[-1] != current:
            result += [current, arg]
        else:
            result.append(arg)
    return result
