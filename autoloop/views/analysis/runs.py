"""One run looked at by itself: its metrics in numbers, and the decisions of rules on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from autoloop.curves.metrics import Metrics
from autoloop.curves.summary import MetricSummary, as_dicts, summarize
from autoloop.edits.variants import Variant, safe_name, signature
from autoloop.errors import ConfigError, did_you_mean
from autoloop.history.series import History, RunRecord
from autoloop.rules import Decision, Rule, judge
from autoloop.store.redact import keep_secrets_of
from autoloop.study.trials import Trial, TrialState


@dataclass(frozen=True, slots=True)
class Look:
    """What to look for in each run.

    Attributes:
        metrics: Aliases and goals.
        names: Names or globs of the metrics to show; empty for all.
        rules: Rules to ask about each run.
    """

    metrics: Metrics = field(default_factory=Metrics)
    names: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class AnalysedRun:
    """A run and what was found in it.

    Attributes:
        key: Its run dir relative to the directory that was searched, or ``entity/project/id``.
        run: W&B's record of it; None if none was found.
        logged: Names of all its metrics, canonical.
        summary: Metric -> summary, of the metrics to show.
        steps: Last step of its history, 0 if there is none.
        problem: What could not be read, in words; empty if nothing.
        source: Whose files it was read from: ``wandb``, ``csv``...; empty where nothing was found.
        decisions: The decision of each rule on it.
    """

    key: str
    run: RunRecord | None
    logged: tuple[str, ...]
    summary: Mapping[str, MetricSummary]
    steps: int
    problem: str
    source: str = ""
    decisions: tuple[Decision, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether it has a metric."""
        return bool(self.logged)


def analyse(key: str, history: History, look: Look) -> AnalysedRun:
    """Summarise one run and ask the rules about it.

    Args:
        key: See `AnalysedRun`.
        history: Its history as logged.
        look: What to look for.
    """
    canonical = look.metrics.canonical(history)
    shown = canonical.select(name for name in canonical if is_shown(name, look.names))
    return AnalysedRun(
        key=key,
        run=history.run,
        logged=tuple(canonical),
        summary=summarize(shown, look.metrics.goals_of(shown)),
        steps=max((int(series.steps[-1]) for series in history.values() if len(series)), default=0),
        problem=history.problem,
        source=history.sources[-1][0] if history.sources else "",
        decisions=tuple(decisions_on(key, canonical, look)) if look.rules else (),
    )


def is_shown(name: str, names: Sequence[str]) -> bool:
    """Whether a metric is among those asked for."""
    return not names or any(fnmatchcase(name, pattern) for pattern in names)


def decisions_on(key: str, history: History, look: Look) -> list[Decision]:
    """Ask the rules about a run that belongs to no study; the config is the one it logged."""
    config = history.run.config if history.run else {}
    keep_secrets_of(config)
    trial = trial_of(safe_name(key), history, look.metrics, config)
    return judge(look.rules, [trial], {trial.name: trial})


def trial_of(name: str, history: History, metrics: Metrics, config: Mapping[str, Any]) -> Trial:
    """Return a run as a trial without a parent, as far as its history tells how it ended."""
    diverged = metrics.not_finite(history)
    if diverged:
        state, error = TrialState.INFEASIBLE, f"{diverged} is not finite"
    elif history.exit_code:
        state, error = TrialState.FAILED, f"W&B recorded exit code {history.exit_code}"
    else:
        state, error = TrialState.COMPLETE, ""
    variant = Variant(
        name=name,
        edits=(),
        parent=None,
        rule="",
        reason="a run of its own",
        evidence={},
        expects="",
        overrides=(),
        config=config,
        signature=signature(config),
    )
    trial = Trial(variant, 0, 1, name, state, history=history, error=error)
    return replace(trial, metric=metrics.objective, goal=metrics.goal)


def as_json(runs: Iterable[AnalysedRun]) -> dict[str, dict[str, Any]]:
    """Return runs in the form of ``autorun_summary.json``: key -> metric -> seven numbers, and ``steps``."""
    return {run.key: {**as_dicts(run.summary), "steps": run.steps} for run in runs}


def check_names(names: Sequence[str], runs: Sequence[AnalysedRun]) -> None:
    """Refuse a name or glob that no run's metrics match.

    Raises:
        ConfigError: There is one; the message names the nearest metric.
    """
    logged = {name for run in runs for name in run.logged}
    for pattern in names:
        if logged and not any(fnmatchcase(name, pattern) for name in logged):
            raise ConfigError(f"no run has a metric {pattern!r}{did_you_mean(pattern, sorted(logged))}")
