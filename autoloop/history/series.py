"""Curves (stand-in of this branch until the history branch is merged)."""
from __future__ import annotations
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
import numpy as np
@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """steps: int64 (n,), values: float64 (n,), sorted by step."""
    steps: np.ndarray
    values: np.ndarray
class History(Mapping[str, Series]):
    """metric -> Series; `problem` says what could not be read."""
    def __init__(self, series: Mapping[str, Series], problem: str = "") -> None:
        self._series, self.problem = dict(series), problem
    @classmethod
    def from_values(cls, values: Mapping[str, Sequence[float]], steps: Sequence[int] | None = None) -> History:
        return cls({k: Series(np.asarray(steps if steps is not None else range(len(v)), np.int64), np.asarray(v, float)) for k, v in values.items()})
    def __getitem__(self, key: str) -> Series: return self._series[key]
    def __iter__(self) -> Iterator[str]: return iter(self._series)
    def __len__(self) -> int: return len(self._series)
