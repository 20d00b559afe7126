"""OutOfMemory: the job did not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from autoloop.rules import checks
from autoloop.rules.base import Decision, Outlook, Rule
from autoloop.rules.names import KNOBS, check_name, in_words, is_name, knob_paths
from autoloop.rules.paths import numbers
from autoloop.rules.readings import first_of
from autoloop.study.trials import Trial, TrialState

MESSAGES = ("out of memory", "outofmemory", "cannot allocate memory", "alloc_failed", "memoryerror")


class OutOfMemory(Rule):
    """The job ran out of memory: halve the batch size, and double the gradient accumulation if there is one.

    Fires on an INFEASIBLE job whose error contains one of ``messages`` (in any case) and whose config has a
    batch size of at least 2. The batch size is halved, rounding down; the product of batch size and
    accumulation stays the same, so the child optimises as the parent would have. Reads no curve. Stays silent
    on every other job, on a batch size of 1, and if the config has none of the paths of ``batch``. Its
    decision is final.

    Args:
        name: Name of the rule.
        batch: Paths at which a batch size may be, or ``<batch_size>``; all that exist are halved.
        accumulation: Paths at which the number of accumulated batches may be, or
            ``<accumulation>``.
        messages: Texts that indicate missing memory.
    """

    def __init__(
        self,
        *,
        name: str,
        batch: Sequence[str] = ("batch_size",),
        accumulation: Sequence[str] = ("gradient_accumulation_steps",),
        messages: Sequence[str] = MESSAGES,
    ) -> None:
        self.name = checks.text(name, "name", name)
        self.batch = checks.texts(name, "batch", batch)
        self.accumulation = checks.texts(name, "accumulation", accumulation)
        for path in (*self.batch, *self.accumulation):
            check_name(name, "batch or accumulation", path, KNOBS)
        self.messages = tuple(message.lower() for message in checks.texts(name, "messages", messages))

    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        """Say how it tells missing memory, and what it halves in this config."""
        when = f"the job ends INFEASIBLE and its error says {first_of(self.messages)}"
        return Outlook(when, self._smaller(config), final=True)

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        """Read the error, then the batch size."""
        if trial.state is not TrialState.INFEASIBLE:
            return self.abstain(trial, f"the job ended {trial.state.value}")
        if not any(message in trial.error.lower() for message in self.messages):
            return self.abstain(trial, f"the error is not about memory: {trial.error or 'none was given'}")
        config = trial.variant.config
        batches = self._batches(config)
        evidence = {"error": trial.error, "batch": dict(batches)}
        edits = self._smaller(config)
        if not edits:
            why = (
                "the batch size cannot be smaller"
                if batches
                else f"the config has no {', '.join(in_words(self.batch))}"
            )
            return replace(self.abstain(trial, f"out of memory, but {why}", evidence), final=True)
        sizes = ", ".join(f"{path} {size:g}" for path, size in batches)
        found, wanted = f"out of memory with {sizes}", "the job fits into memory"
        return replace(self.propose(trial, edits, found, evidence, wanted), final=True)

    def _batches(self, config: Mapping[str, Any]) -> list[tuple[str, float]]:
        return _places(self.batch, config)

    def _smaller(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Edits that halve the batch and double the accumulation; none for a batch that cannot be halved."""
        halves = [f"{path}@set={int(size) // 2}" for path, size in self._batches(config) if size >= 2]
        gathered = _places(self.accumulation, config)
        doubles = [f"{path}@set={2 * max(1, int(count))}" for path, count in gathered]
        return (*halves, *doubles) if halves else ()


def _places(paths: Sequence[str], config: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the places that hold one of these numbers, each once, with their values."""
    found = (one for path in paths for one in (knob_paths(path, config) if is_name(path) else (path,)))
    return list(dict(place for path in found for place in numbers(config, path)).items())
