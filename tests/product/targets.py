"""What is fuzzed: readers of what users and other programs write. Each takes bytes, raises only our errors.

As a program (``python targets.py NAME -runs=N``) this fuzzes one of them with atheris, guided by coverage.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    import atheris

    watched = atheris.instrument_imports(include=["autoloop"])
else:
    watched = contextlib.nullcontext()

with watched:
    from autoloop.curves.summary import summarize
    from autoloop.edits import apply, parse_edit
    from autoloop.errors import AutoloopError
    from autoloop.history import read_history
    from autoloop.store.journal import FILE_NAME, read_study

CONFIG = {
    "ot": {"reg": 0.1, "features": [{"weight": 0.5}, {"weight": 0.0}]},
    "batch_size": 8,
    "device": "cpu",
}


def edit(data: bytes) -> None:
    """Parse an edit, and apply it where it parses."""
    with contextlib.suppress(AutoloopError):
        parsed = parse_edit(data.decode("utf-8", "replace"))
        assert parse_edit(str(parsed)) == parsed
        apply([parsed], CONFIG)


def journal(data: bytes) -> None:
    """Read a journal, and ask what is asked of every study."""
    with tempfile.TemporaryDirectory() as place:
        Path(place, FILE_NAME).write_bytes(data)
        with contextlib.suppress(AutoloopError):
            study = read_study(Path(place))
            study.best(), study.counted(), study.rounds, study.maximize, study.next_job


def wandb_log(data: bytes) -> None:
    """Read a ``.wandb`` file; damage is told in words, never raised."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "run-abc.wandb")
        path.write_bytes(data)
        check_history(path)


def jsonl(data: bytes) -> None:
    """Read the files that W&B wrote before it had logs: history, summary, metadata and config."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place, "wandb", "dryrun-20200101_000000-abc")
        run.mkdir(parents=True)
        for name in ("wandb-history.jsonl", "wandb-summary.json", "wandb-metadata.json", "config.yaml"):
            (run / name).write_bytes(data)
        check_history(Path(place))


def check_history(path: Path) -> None:
    history = read_history(path)
    for series in history.values():
        assert len(series.steps) == len(series.values)
    json.dumps({name: summary.as_dict() for name, summary in summarize(history).items()})


TARGETS = {"edit": edit, "journal": journal, "wandb_log": wandb_log, "jsonl": jsonl}

if __name__ == "__main__":
    atheris.Setup(sys.argv[:1] + sys.argv[2:], TARGETS[sys.argv[1]])
    atheris.Fuzz()
