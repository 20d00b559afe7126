"""Keeping score: paired verdicts against a noise floor, the scorecard of rules, how sure a result is."""

from autoloop.score.bootstrap import Interval, interval
from autoloop.score.conclusion import conclusion, root
from autoloop.score.noise import Noise, noise
from autoloop.score.pairs import Pair, gain_pct, gains_pct, pairs, results
from autoloop.score.progress import rounds_without_gain
from autoloop.score.scorecard import Outcome, Row, Scorecard, outcomes
from autoloop.score.verdicts import Verdict, verdict, verdicts

__all__ = [
    "Interval",
    "Noise",
    "Outcome",
    "Pair",
    "Row",
    "Scorecard",
    "Verdict",
    "conclusion",
    "gain_pct",
    "gains_pct",
    "interval",
    "noise",
    "outcomes",
    "pairs",
    "results",
    "root",
    "rounds_without_gain",
    "verdict",
    "verdicts",
]
