"""What a run logged: files of W&B and other trackers, read without any of them.

>>> from autoloop.history import read_history
>>> history = read_history("outputs/job_0", keys=["train/loss", "eval/*"])
>>> history.problem
'no history at outputs/job_0: there is no such file or directory'
"""

from __future__ import annotations

from autoloop.history.find import find_runs
from autoloop.history.reader import HistoryReader, read_histories, read_history, read_values
from autoloop.history.series import History, RunRecord, Series

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
