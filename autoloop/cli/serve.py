"""``autoloop serve``: studies in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.views.serve.running import serve


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen at; 0 for any. Default: 8787, or any."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input does.")
def command(directory: Path, port: int | None, host: str, with_parent: bool) -> None:
    """Show studies in a browser, and steer them.

    DIR is a study, or a directory with studies below it. Everyone who has the printed address can see and
    steer the studies. From another machine, use SSH: ssh -L 8787:localhost:8787 BOX. Nothing is loaded from
    other servers. The page only reads; requests to a study are those of autoloop tell. Ctrl-C ends it.
    """
    serve(directory, host, port, lambda address: click.echo(address), with_parent)
