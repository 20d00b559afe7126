"""Which running job is not worth its time: stop rules, one small file each."""

from autoloop.stopping.base import Live, StopDecision, StopRule
from autoloop.stopping.behind import Behind
from autoloop.stopping.build import build_stop_rules
from autoloop.stopping.explosion import Explosion
from autoloop.stopping.judging import first_stop, protected
from autoloop.stopping.metric_at_step import MetricAtStep
from autoloop.stopping.not_finite import NotFinite
from autoloop.stopping.rungs import Rungs

__all__ = [
    "Behind",
    "Explosion",
    "Live",
    "MetricAtStep",
    "NotFinite",
    "Rungs",
    "StopDecision",
    "StopRule",
    "build_stop_rules",
    "first_stop",
    "protected",
]
