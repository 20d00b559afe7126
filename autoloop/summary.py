"""Summaries (stand-in of this branch until the history branch is merged)."""
from dataclasses import dataclass
@dataclass(frozen=True, slots=True)
class MetricSummary:
    first: float
    last: float
    best: float
    best_step: int
    delta: float
    pct: float
    count: int
