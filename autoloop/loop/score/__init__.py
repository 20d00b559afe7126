"""Keeping score: paired verdicts against a noise floor, the scorecard of rules, how sure a result is."""

from autoloop.loop.score.bootstrap import Interval, interval
from autoloop.loop.score.conclusion import conclusion, confirmed, describe_climb, dropped_edits, kept_edits
from autoloop.loop.score.confirmation import Confirmation, confirmation, front_confirmed
from autoloop.loop.score.earlier import earlier_failures, earlier_trials, ignored_knobs
from autoloop.loop.score.front import front, hypervolumes, standing_losses
from autoloop.loop.score.leader import contenders, leader, standings
from autoloop.loop.score.levels import ClimbLevel, agreement, climbed, levels, start_at, winner
from autoloop.loop.score.noise import Noise, earlier_noise, noise
from autoloop.loop.score.pairs import Pair, Results, pairs, results
from autoloop.loop.score.progress import rounds_without_gain
from autoloop.loop.score.projection import each_objective
from autoloop.loop.score.reduction import chosen, knobs, root, without_effect
from autoloop.loop.score.scorecard import ProposalOutcome, Row, Scorecard, latest_outcomes, outcomes
from autoloop.loop.score.tried import StudyOutcome, Tried, outcome, tried_knobs, without_any_effect
from autoloop.loop.score.verdicts import Verdict, judge_of, verdict, verdicts

__all__ = [
    "ClimbLevel",
    "Confirmation",
    "Interval",
    "Noise",
    "Pair",
    "ProposalOutcome",
    "Results",
    "Row",
    "Scorecard",
    "StudyOutcome",
    "Tried",
    "Verdict",
    "agreement",
    "chosen",
    "climbed",
    "conclusion",
    "confirmation",
    "confirmed",
    "contenders",
    "describe_climb",
    "dropped_edits",
    "each_objective",
    "earlier_failures",
    "earlier_noise",
    "earlier_trials",
    "front",
    "front_confirmed",
    "hypervolumes",
    "ignored_knobs",
    "interval",
    "judge_of",
    "kept_edits",
    "knobs",
    "latest_outcomes",
    "leader",
    "levels",
    "noise",
    "outcome",
    "outcomes",
    "pairs",
    "results",
    "root",
    "rounds_without_gain",
    "standing_losses",
    "standings",
    "start_at",
    "tried_knobs",
    "verdict",
    "verdicts",
    "winner",
    "without_any_effect",
    "without_effect",
]
