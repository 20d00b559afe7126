"""Curves -> edits: rules, pure functions of trials that propose edits, one small file each."""

from autoloop.rules.back_to_parent import BackToParent
from autoloop.rules.base import Decision, Outlook, Rule
from autoloop.rules.build import build_rules
from autoloop.rules.cost_not_falling import CostNotFalling
from autoloop.rules.editing import EditingRule
from autoloop.rules.fallback import Fallback
from autoloop.rules.judging import judge
from autoloop.rules.metric_change import MetricChange
from autoloop.rules.metric_level import MetricLevel
from autoloop.rules.non_finite import NonFinite
from autoloop.rules.out_of_memory import OutOfMemory
from autoloop.rules.overfitting import Overfitting
from autoloop.rules.restore_mass import RestoreMass
from autoloop.rules.spikes import Spikes

__all__ = [
    "BackToParent",
    "CostNotFalling",
    "Decision",
    "EditingRule",
    "Fallback",
    "MetricChange",
    "MetricLevel",
    "NonFinite",
    "OutOfMemory",
    "Outlook",
    "Overfitting",
    "RestoreMass",
    "Rule",
    "Spikes",
    "build_rules",
    "judge",
]
