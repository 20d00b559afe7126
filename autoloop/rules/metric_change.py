"""MetricChange: a metric fell too little, still falls, or rose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from autoloop.errors import ConfigError
from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook
from autoloop.rules.changes import LEAST, SPAN_WORDS, SPANS, LevelChange, measure
from autoloop.rules.editing import EditingRule
from autoloop.rules.readings import find_curve, first_of
from autoloop.study.trials import Trial

OTHER_WAY = {"fell": "rose", "rose": "fell"}


class MetricChange(EditingRule):
    """A metric changed by more, or by less, than a threshold.

    With ``pct = 100 * (last - first) / |first|``, fires when

    - ``fell_less_than_pct``: ``-pct`` is below it (a metric that rose counts too), and the standard error of
      ``pct`` is at most ``max_noise_pct``;
    - ``stayed_within_pct``: ``|pct|`` is below it, with the same condition (a plateau);
    - ``fell_more_than_pct``: ``-pct`` is above it and above two standard errors (it still improves);
    - ``rose_more_than_pct``: ``pct`` is above it and above two standard errors.

    ``span`` defines ``first`` and ``last``: ``first_last``, the two values themselves, as in the users'
    scripts; ``start``, the first value and the median of the last quarter of the points; ``run``, the medians
    of the first and of the last quarter; ``end``, the two ends of a robust line (Theil-Sen) through the last
    half of the points, at least three. For ``<objective>`` with the goal ``max`` the curve is mirrored: it
    "fell" if it grew. If there are five points or fewer, as in a run that logs once per epoch, the reason and
    the evidence say so. The single values of a LeRobot run scatter by 5 % (loss) to 61 % (ot_loss) from one
    logged point to the next, so a difference of 2 % between the first and the last of them means nothing:
    prefer ``run`` and ``end``. Stays silent on a metric that was not logged, on fewer than ``min_points``
    finite values, if more than a tenth are not finite, if ``first`` is 0, on a run whose loss ended
    non-finite, on a job that failed, and with ``end`` on one that was stopped early.

    Args:
        name: Name of the rule.
        metric: The metric, or a list of which the first one logged is used; ``<objective>`` and the
            names of docs/rules.md stand for an app's own names.
        edits: Edits of the child.
        fell_less_than_pct: In percent of ``|first|``; exactly one of the four must be set.
        fell_more_than_pct: The same.
        rose_more_than_pct: The same.
        stayed_within_pct: The same.
        span: ``first_last``, ``start``, ``run`` or ``end``.
        min_points: Smallest number of points, at least 2 (3 for ``end``).
        max_noise_pct: Standard error of ``pct`` above which a plateau cannot be recognised, in percent.
        expects: What is expected of the child.
    """

    def __init__(
        self,
        *,
        name: str,
        metric: str | Sequence[str],
        edits: Sequence[str],
        fell_less_than_pct: float | None = None,
        fell_more_than_pct: float | None = None,
        rose_more_than_pct: float | None = None,
        stayed_within_pct: float | None = None,
        span: str = "end",
        min_points: int = 8,
        max_noise_pct: float = 5.0,
        expects: str = "",
    ) -> None:
        super().__init__(name=name, edits=edits, expects=expects)
        self.metrics = checks.texts(name, "metric", metric)
        self.span = checks.choice(name, "span", span, SPANS)
        self.min_points = checks.whole(name, "min_points", min_points, LEAST[self.span])
        self.max_noise_pct = checks.number(name, "max_noise_pct", max_noise_pct, 0.0)
        limits = {
            "fell_less_than_pct": fell_less_than_pct,
            "fell_more_than_pct": fell_more_than_pct,
            "rose_more_than_pct": rose_more_than_pct,
            "stayed_within_pct": stayed_within_pct,
        }
        given = {key: value for key, value in limits.items() if value is not None}
        if len(given) != 1:
            raise ConfigError(f"rule {name!r}: exactly one of {', '.join(limits)} must be given")
        self.kind, value = given.popitem()
        self.limit_pct = checks.number(name, self.kind, value, 0.0)

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say which change it waits for."""
        noise = f"its noise is at most {self.max_noise_pct:g} %"
        sure = noise if self.kind in ("fell_less_than_pct", "stayed_within_pct") else "beyond its noise"
        return Outlook(
            f"{first_of(self.metrics)} {self._wanted()} over {SPAN_WORDS[self.span]} "
            f"({self.min_points} points or more, {sure})",
            self.foreseen(config),
        )

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Compare the change with the threshold."""
        curve = find_curve(trial, self.metrics, self.min_points)
        if curve.problem:
            return self.abstain(trial, curve.problem)
        if self.span == "end" and trial.stop_step is not None:
            return self.abstain(trial, f"it was stopped at step {trial.stop_step}, before its end")
        change = measure(curve.series, self.span)
        doubted = "" if self.span == "first_last" else curve.doubt  # two values are never more
        evidence = {
            **curve.facts(bool(doubted)),
            "span": self.span,
            **change.facts(),
            self.kind: self.limit_pct,
        }
        if not math.isfinite(change.pct):
            return self.abstain(trial, f"{curve.metric} starts at 0: its change has no percentage", evidence)
        found = f"{curve.metric} {describe(change)} over {SPAN_WORDS[self.span]}{doubted}"
        doubt = self._doubt(change.mirrored if curve.upwards else change, curve.upwards)
        if doubt:
            return self.abstain(trial, f"{found}; {doubt}", evidence)
        return self.proposal(trial, trials, f"{found} ({self._wanted(curve.upwards)})", evidence)

    def _wanted(self, upwards: bool = False) -> str:
        """The threshold in words, such as ``fell more than 3 %``; the other way for what is to grow."""
        wanted = f"{self.kind.removesuffix('_pct').replace('_', ' ')} {self.limit_pct:g} %"
        verb = wanted.partition(" ")[0]
        return wanted.replace(verb, OTHER_WAY.get(verb, verb), 1) if upwards else wanted

    def _doubt(self, change: LevelChange, upwards: bool = False) -> str:
        """Return why the threshold is not met, or an empty string.

        Args:
            change: The change, of a metric that is better low.
            upwards: Whether it is the mirrored change of one that is better high.
        """
        limit = f"{self.limit_pct:g} %"
        if self.kind in ("fell_less_than_pct", "stayed_within_pct"):
            amount = abs(change.pct) if self.kind.startswith("stayed") else -change.pct
            if amount >= self.limit_pct:
                return f"that is not less than {limit}"
            hidden = change.noise_pct > self.max_noise_pct
            return f"too noisy ({change.noise_pct:.2g} %) to recognise a plateau" if hidden else ""
        rise = self.kind == "rose_more_than_pct"
        if change.rose_by(self.limit_pct) if rise else change.fell_by(self.limit_pct):
            return ""
        word = "rise" if rise is not upwards else "fall"
        return f"not a {word} of more than {limit}, or within its uncertainty of {change.doubt_pct:.2g} %"


def describe(change: LevelChange) -> str:
    """Return the change in words, such as ``fell by 12 % (0.14 -> 0.123)``."""
    if change.pct == 0:
        return f"stayed at {change.last:.4g}"
    verb = "fell" if change.pct < 0 else "rose"
    return f"{verb} by {abs(change.pct):.3g} % ({change.first:.4g} -> {change.last:.4g})"
