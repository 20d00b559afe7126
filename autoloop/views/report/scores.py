"""The scorecard of rules in a report: what became of each rule's proposals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from autoloop.study.record import Job
from autoloop.study.trials import TrialState
from autoloop.views.report.gains import Gain


@dataclass(frozen=True, slots=True)
class Score:
    """What became of one rule's proposals.

    Attributes:
        rule: Its name.
        fired: Decisions with edits.
        silent: Decisions without.
        tries: Children that ended.
        wins: Children better than their parent by more than the noise.
        stopped: Children that a stop rule ended.
        failed: Children without a result.
        gains_pct: Gain of each compared child over its parent in percent, positive = better.
    """

    rule: str
    fired: int
    silent: int
    tries: int
    wins: int
    stopped: int
    failed: int
    gains_pct: tuple[float, ...]

    @property
    def median_gain_pct(self) -> float:
        """Median of ``gains_pct``; NaN if no child could be compared."""
        return median(self.gains_pct) if self.gains_pct else math.nan


def score_of(
    name: str, decisions: tuple[int, int], jobs: Sequence[Job], gain: Callable[[Job], Gain | None]
) -> Score:
    """What became of one rule's proposals.

    Args:
        name: Its name.
        decisions: How many of its decisions had edits, and how many had none.
        jobs: The jobs that it proposed.
        gain: Gain of a job over its parent; None where they cannot be compared.
    """
    ended = [job for job in jobs if job.state is not None]
    wins, gains = 0, []
    for job in ended:
        if change := gain(job):
            wins += change.verdict == "better"
            gains += [change.gain_pct] if math.isfinite(change.pct) else []
    fired, silent = decisions
    return Score(
        rule=name,
        fired=fired,
        silent=silent,
        tries=len(ended),
        wins=wins,
        stopped=sum(job.state is TrialState.STOPPED for job in ended),
        failed=sum(job.state not in (TrialState.COMPLETE, TrialState.STOPPED) for job in ended),
        gains_pct=tuple(gains),
    )
