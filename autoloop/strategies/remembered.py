"""What earlier studies of the same app found: evidence for a search, never a result of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from autoloop.edits import LiteralError, format_literal
from autoloop.rules.base import Decision
from autoloop.rules.paths import matches
from autoloop.study.plans import REMEMBERED

SLOTS_FOR_ONE = 4
"""One of so many slots, and at least one, runs a setting of an earlier study again in round 1.

More lost more where the earlier studies mislead, and gained nothing elsewhere (``benchmarks/memory.py``).
"""


@dataclass(frozen=True, slots=True)
class EarlierTrial:
    """A trial of an earlier study.

    Attributes:
        study: Name of the study.
        name: Name of the trial.
        values: Path -> value, as it ran: what differed from its own baseline.
        start: Path -> value in its own baseline, for the same paths.
        gain_pct: How much better than its baseline it was, in percent; negative where it was worse.
        margin_pct: A gain above this was more than the noise of its study.
        config: The whole config it ran with; empty where that is not known.
        loss: Its result, turned so that lower is better; NaN where it diverged.
    """

    study: str
    name: str
    values: Mapping[str, Any]
    start: Mapping[str, Any]
    gain_pct: float
    margin_pct: float
    config: Mapping[str, Any] = field(default_factory=dict)
    loss: float = math.nan

    @property
    def is_better(self) -> bool:
        """Whether it was better than its baseline by more than noise."""
        return self.gain_pct > self.margin_pct


def tried_again(earlier: Sequence[EarlierTrial], start: str, config: Mapping[str, Any]) -> list[Decision]:
    """The best of earlier studies as proposals on a baseline: first the best of each, then each one's second.

    Each is what the earlier trial had, as far as this config has such values; two that come to the same
    edits are one.

    Args:
        earlier: The trials of earlier studies, the latest study first.
        start: Name of the baseline.
        config: Its config.
    """
    found: dict[tuple[str, ...], Decision] = {}
    for trial in _by_turns(earlier):
        edits = tuple(_edits(trial, config))
        if edits and edits not in found:
            reason = (
                f"was {trial.gain_pct:.3g} % better than its baseline in the earlier study {trial.study} "
                f"({trial.name})"
            )
            evidence = {"study": trial.study, "trial": trial.name, "gain_pct": trial.gain_pct}
            found[edits] = Decision(
                REMEMBERED, start, reason, evidence, edits, "better than the baseline here too"
            )
    return list(found.values())


def _by_turns(earlier: Sequence[EarlierTrial]) -> list[EarlierTrial]:
    """The trials that were better than their baseline, by turns one of each study, its largest gain first."""
    studies: dict[str, list[EarlierTrial]] = {}
    for trial in sorted((one for one in earlier if one.is_better), key=lambda one: -one.gain_pct):
        studies.setdefault(trial.study, []).append(trial)
    order = list(dict.fromkeys(trial.study for trial in earlier if trial.study in studies))
    turns = zip_longest(*(studies[name] for name in order))
    return [trial for turn in turns for trial in turn if trial is not None]


def _edits(trial: EarlierTrial, config: Mapping[str, Any]) -> Iterator[str]:
    for path, value in trial.values.items():
        places = matches(config, path)
        if places and any(now != value or type(now) is not type(value) for _, now in places):
            try:
                yield f"{path}@set={format_literal(value)}"
            except LiteralError:
                continue  # no literal writes it: the rest of the setting may still be worth a job
