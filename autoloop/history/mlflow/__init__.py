"""MLflow's local stores, the database and the directory, read without MLflow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from autoloop.history.mlflow import database, store
from autoloop.history.mlflow.database import MLFLOW, DatabaseTail
from autoloop.history.mlflow.store import StoreTail
from autoloop.history.source import Source, Tail

LOOKED_FOR = "an MLflow run"

__all__ = ["LOOKED_FOR", "MLFLOW", "sources", "tail"]


def sources(folder: Path, names: Sequence[str]) -> list[Source]:
    """Return the MLflow runs in the databases of a directory, and the one whose directory it is."""
    return [*database.sources(folder, names), *store.sources(folder, names)]


def tail(source: Source, keys: Iterable[str] | None = None) -> Tail:
    """Return the reader of one run."""
    asked = None if keys is None else list(keys)
    if source.path.is_dir():
        return StoreTail(source.path, asked)
    return DatabaseTail(source.path, source.part, asked)
