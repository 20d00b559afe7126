"""Verdicts: whether a child is better than its parent, or whether that cannot be told."""

from __future__ import annotations

from enum import Enum

from autoloop.loop.score.noise import Noise, noise
from autoloop.loop.score.pairs import LOST, Pair, pairs
from autoloop.study.record import Study


class Verdict(str, Enum):
    """What a paired comparison says of a child."""

    BETTER = "better"  # by more than the noise floor
    WORSE = "worse"  # by more than the noise floor, or stopped, or infeasible
    UNCLEAR = "unclear"  # within the noise floor, or not to be compared


def verdict(pair: Pair, floor: Noise) -> Verdict:
    """The verdict on a pair: its mean gain over common seeds against the noise of such a mean."""
    gain = pair.gain_pct
    if gain is None:
        return Verdict.WORSE if pair.child.state in LOST else Verdict.UNCLEAR
    if abs(gain) <= floor.margin_pct(len(pair.gains_pct)):
        return Verdict.UNCLEAR
    return Verdict.BETTER if gain > 0 else Verdict.WORSE


def verdicts(study: Study) -> dict[int, Verdict]:
    """Place of each child that ended -> its verdict."""
    floor = noise(study)
    return {pair.child.place: verdict(pair, floor) for pair in pairs(study)}
