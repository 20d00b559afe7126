"""A group of commands that imports a command's file only when that command is called."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import click

from autoloop.engine.streams import open_standard_streams
from autoloop.errors import AutoloopError, did_you_mean
from autoloop.store.redact import redact, without_controls

INTERRUPTED = 130  # as shells report SIGINT: 128 + 2


class LazyGroup(click.Group):
    """Commands by name; ``<package>.<name>`` holds each as ``command``.

    Args:
        name: Name of the group.
        summaries: Name of each command -> what it does in one line, so that the group's help imports nothing.
        package: Where the files of the commands are.
        version: Shown by ``--version``; empty for no such option.
        **settings: What click's groups take.
    """

    def __init__(
        self, name: str, summaries: Mapping[str, str], package: str, version: str = "", **settings: Any
    ) -> None:
        super().__init__(name, **settings)
        self.summaries = dict(summaries)
        self._package = package
        if version:
            self.params.append(version_option(version))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands, in the order in which they are useful."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        if cmd_name not in self.summaries:
            return None
        found: click.Command = import_module(f"{self._package}.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; an unknown one is answered with the nearest."""
        if not args[0].startswith("-") and args[0] not in self.summaries:
            hint = did_you_mean(args[0], self.summaries) or f"; there are {', '.join(self.summaries)}"
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C ends it with 130."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run a command line; our own errors become one message and their exit code."""
        return guarded(lambda: super(LazyGroup, self).main(*args, **settings))


def guarded(run: Callable[[], Any]) -> Any:
    """Run a command; what a user can cause ends it with one message instead of a traceback.

    Raises:
        SystemExit: With the error's exit code; 1 for a file or directory that cannot be used.
    """
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what no encoding has
            stream.reconfigure(errors="backslashreplace")
    try:
        return run()
    except AutoloopError as error:
        click.echo(without_controls(f"Error: {redact(str(error), os.environ)}"), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(f"Error: {error.filename or 'the system'}: {error.strerror or error}", err=True)
        sys.exit(1)


def version_option(version: str) -> click.Option:
    """An option that prints the version and ends."""

    def show(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
        if asked:
            click.echo(f"autoloop {version}")
            ctx.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the version.",
    )
