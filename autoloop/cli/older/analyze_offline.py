"""``python -m autoloop.analyze_offline``: an older name of ``autoloop analyze``, with its options."""

from __future__ import annotations

from pathlib import Path

import click

from autoloop.cli import call

SUMMARY = Path("reports/data/offline_summary.json")


@click.command()
@click.option("--root", default="outputs/train", show_default=True, metavar="DIR", help="Where the runs are.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N runs, the newest.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=SUMMARY, show_default=True, help="The summary file."
)
def command(root: str, limit: int | None, out: Path) -> None:
    """Summarise the local W&B runs below a directory into a JSON file; the same as `autoloop analyze`."""
    call("analyze", root, "--json", str(out), *([] if limit is None else ["--limit", str(limit)]))
    click.echo(f"\nsummary: {out}")
