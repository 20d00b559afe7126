"""The ``autoloop`` command: one small file per subcommand, each imported when it is called.

Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence

from autoloop import __version__
from autoloop.cli.group import LazyGroup

COMMANDS = {
    "plan": "Show what round 1 would run and what could follow; run nothing.",
    "adopt": "Show a config for another Hydra sweeper in autoloop's settings.",
    "resume": "Continue a study where it stopped.",
    "report": "Draw the report of a study again.",
    "watch": "Watch a study while it runs.",
    "serve": "Show studies in a browser, and steer them.",
    "tell": "Steer a running study: stop a job, add a variant, pause.",
    "why": "Show why a job ran and what its result was.",
    "history": "Show what was tried so far.",
    "replay": "Show what other rules would have decided.",
    "promote": "Train a job's configuration at full length.",
    "generate": "Make one variant of a config by edits.",
    "analyze": "Summarise runs, local or W&B's online.",
    "export": "Write a study for other tools.",
    "sync": "Print the command that uploads a study to W&B.",
    "doctor": "Show what this environment has, and what is wrong with it.",
}


def command() -> LazyGroup:
    """Return the whole command."""
    return LazyGroup("autoloop", COMMANDS, __name__, __version__, help=_HELP)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave the process with its exit code.

    Args:
        arguments: The arguments after the program's name; those of this process if not given.
    """
    command().main(args=arguments, prog_name="autoloop")


def call(*args: object) -> None:
    """Run one command line inside another program.

    Raises:
        SystemExit: It did not end well; with its exit code.
    """
    code = command().main(args=[str(arg) for arg in args], prog_name="autoloop", standalone_mode=False)
    if code:
        raise SystemExit(code)


_HELP = """Train in rounds, and look at the results.

A study is started with `python -m autoloop.train -m hydra/sweeper=autoloop rounds=3`, or from any Hydra app
with `-m hydra/sweeper=autoloop`. These commands work on the study's directory, and on any W&B runs.
"""
