"""Verdicts: whether a child is better than its parent, or whether that cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from autoloop.loop.score.noise import Noise, noise
from autoloop.loop.score.pairs import LOST, Pair, pairs
from autoloop.loop.score.projection import each_objective
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
    judged = judge_of(study)
    return {pair.child.place: judged(pair) for pair in pairs(study)}


def judge_of(study: Study) -> Callable[[Pair], Verdict]:
    """What gives the verdict on the pairs of a study.

    A child that keeps the constraints is better than a parent that breaks one, and the other way round. Of
    several objectives it is better if it is better in one and worse in none, each beyond its own noise.
    """
    floor = noise(study)
    if not study.aims:
        return lambda pair: verdict(pair, floor)
    each = [({pair.child.place: pair for pair in pairs(one)}, noise(one)) for one in each_objective(study)]

    def judged(pair: Pair) -> Verdict:
        both_known = pair.child.known and pair.parent.known
        if both_known and pair.child.feasible != pair.parent.feasible:
            return Verdict.BETTER if pair.child.feasible else Verdict.WORSE
        return together([verdict(known[pair.child.place], own) for known, own in each])

    return judged


def together(each: Sequence[Verdict]) -> Verdict:
    """The verdict on a child by those on each of its objectives: one against another is unclear."""
    found = set(each) - {Verdict.UNCLEAR}
    return found.pop() if len(found) == 1 else Verdict.UNCLEAR
