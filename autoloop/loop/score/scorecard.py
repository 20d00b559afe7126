"""The scorecard: what became of each rule's proposals, by knob, in this study and others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from autoloop.edits import path_of
from autoloop.loop.score.bootstrap import Interval, interval
from autoloop.loop.score.pairs import Pair, each_pair, latest_pairs, results
from autoloop.loop.score.verdicts import Verdict, judge_of
from autoloop.study.record import Study


@dataclass(frozen=True, slots=True)
class ProposalOutcome:
    """What came of one proposal.

    Attributes:
        rule: Who made it.
        knobs: Paths of its edits, as written.
        verdict: Whether it helped.
        gain_pct: Its paired gain in percent, None where there is none.
    """

    rule: str
    knobs: tuple[str, ...]
    verdict: Verdict
    gain_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the scorecard.

    Attributes:
        rule: Name of the rule.
        knob: Path of the knob; ``*`` for all that the rule changed.
        tries: Children that ended.
        wins: Children better than their parent by more than the noise floor.
        median_gain_pct: Median paired gain with its 90 % bootstrap interval; NaN where none could be
            compared.
    """

    rule: str
    knob: str
    tries: int
    wins: int
    median_gain_pct: Interval

    @property
    def win_rate(self) -> float:
        """Expected share of wins, after Laplace: ``(wins + 1) / (tries + 2)``."""
        return (self.wins + 1) / (self.tries + 2)


ALL = "*"


class Scorecard:
    """Outcomes by rule and knob.

    Attributes:
        outcomes: The outcomes it was made of, in order.
    """

    def __init__(self, outcomes: Iterable[ProposalOutcome] = ()) -> None:
        self.outcomes = tuple(outcomes)
        self._by_key: dict[tuple[str, str], list[ProposalOutcome]] = {}
        for outcome in self.outcomes:
            for knob in (ALL, *outcome.knobs):
                self._by_key.setdefault((outcome.rule, knob), []).append(outcome)
        self._counts = {key: (len(found), _wins(found)) for key, found in self._by_key.items()}

    def rows(self) -> list[Row]:
        """Every rule and, where it changed several knobs, each of them, in the order they appeared."""
        several = {rule for rule, knob in self._by_key if len(self._knobs(rule)) > 1}
        return [self.row(rule, knob) for rule, knob in self._by_key if knob == ALL or rule in several]

    def row(self, rule: str, knob: str = ALL) -> Row:
        """One line; without tries where nothing is known."""
        outcomes = self._by_key.get((rule, knob), [])
        gains = [outcome.gain_pct for outcome in outcomes if outcome.gain_pct is not None]
        return Row(rule, knob, len(outcomes), _wins(outcomes), interval(gains, np.median))

    def win_rate(self, rule: str, edits: Sequence[str] = ()) -> float:
        """How often a proposal like this one helps: the rule's rate on these knobs, else its rate at all.

        0.5 for a rule that was never tried.
        """
        known = [counts for edit in edits if (counts := self._counts.get((rule, path_of(edit))))]
        tries, wins = map(sum, zip(*known or [self._counts.get((rule, ALL), (0, 0))], strict=True))
        return (wins + 1) / (tries + 2)

    def _knobs(self, rule: str) -> list[str]:
        return [knob for other, knob in self._by_key if other == rule and knob != ALL]


def _wins(outcomes: Sequence[ProposalOutcome]) -> int:
    return sum(outcome.verdict is Verdict.BETTER for outcome in outcomes)


def outcomes(study: Study) -> list[ProposalOutcome]:
    """What came of every proposal of a study that a rule or sampler made, as they were planned."""
    return _outcomes(study, each_pair(study, results(study)))


def latest_outcomes(study: Study) -> list[ProposalOutcome]:
    """The same, in a very long study of the proposals that were planned last."""
    return _outcomes(study, latest_pairs(study))


def _outcomes(study: Study, each: Iterable[Pair]) -> list[ProposalOutcome]:
    judged = judge_of(study)
    return [_outcome(pair, judged(pair)) for pair in each if pair.child.rule and not pair.child.measures]


def _outcome(pair: Pair, verdict: Verdict) -> ProposalOutcome:
    gain = pair.gain_pct
    finite = gain if gain is not None and math.isfinite(gain) else None
    return ProposalOutcome(pair.child.rule, pair.child.knobs, verdict, finite)
