"""Keeping score: paired verdicts against a noise floor, the scorecard of rules, how sure a result is."""

from autoloop.score.bootstrap import Interval, interval
from autoloop.score.conclusion import conclusion, confirmed, dropped_edits, kept_edits
from autoloop.score.confirmation import Confirmation, confirmation, winner
from autoloop.score.leader import contenders, leader, standings
from autoloop.score.noise import Noise, noise
from autoloop.score.pairs import Pair, Results, pairs, results
from autoloop.score.progress import rounds_without_gain
from autoloop.score.reduction import chosen, knobs, root, without_effect
from autoloop.score.scorecard import Outcome, Row, Scorecard, outcomes
from autoloop.score.verdicts import Verdict, verdict, verdicts

__all__ = [
    "Confirmation",
    "Interval",
    "Noise",
    "Outcome",
    "Pair",
    "Results",
    "Row",
    "Scorecard",
    "Verdict",
    "chosen",
    "conclusion",
    "confirmation",
    "confirmed",
    "contenders",
    "dropped_edits",
    "interval",
    "kept_edits",
    "knobs",
    "leader",
    "noise",
    "outcomes",
    "pairs",
    "results",
    "root",
    "rounds_without_gain",
    "standings",
    "verdict",
    "verdicts",
    "winner",
    "without_effect",
]
