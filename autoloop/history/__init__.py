"""What a run logged: files of W&B and other trackers, read without any of them.

>>> from autoloop.history import read_history
>>> history = read_history("outputs/job_0", keys=["train/loss", "eval/*"])
>>> history.problem
'no history at outputs/job_0: there is no such file or directory'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoloop.history.find import find_runs
    from autoloop.history.reader import HistoryReader, read_histories, read_history, read_values
    from autoloop.history.series import History, RunRecord, Series

_MODULES = {
    "find_runs": "find",
    **dict.fromkeys(("HistoryReader", "read_histories", "read_history", "read_values"), "reader"),
    **dict.fromkeys(("History", "RunRecord", "Series"), "series"),
}

__all__ = [
    "History",
    "HistoryReader",
    "RunRecord",
    "Series",
    "find_runs",
    "read_histories",
    "read_history",
    "read_values",
]


def __getattr__(name: str) -> Any:
    """Import the readers when one is asked for: what a job notes of its runs needs none."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
