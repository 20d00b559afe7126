"""The base of rules whose edits stand in the config."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from autoloop.edits import path_of
from autoloop.rules import checks
from autoloop.rules.base import Decision, Rule
from autoloop.rules.names import KNOBS, check_name, spelled
from autoloop.study.trials import Trial

USERS = ("baseline", "variants", "sweep")
"""Who proposed what the user asked for (`Variant.rule`)."""


class EditingRule(Rule):
    """A rule that proposes the edits it was given.

    Attributes:
        edits: Edits of the child it proposes, each ``path@op=operand``; the path may be one of
            `names.KNOBS`.
        expects: What the child should show if the rule is right, in one sentence.
    """

    _turned: tuple[Mapping[str, Trial] | None, int, list[str]] = (None, 0, [])

    def __init__(self, *, name: str, edits: Sequence[str], expects: str = "") -> None:
        self.name = checks.text(name, "name", name)
        self.edits = checks.edits(name, edits)
        for edit in self.edits:
            check_name(name, "edits", path_of(edit), KNOBS)
        self.expects = expects

    def proposal(
        self, trial: Trial, trials: Mapping[str, Trial], reason: str, evidence: Mapping[str, Any]
    ) -> Decision:
        """Return the decision that proposes the edits, with the paths that this trial's config has.

        Of several knobs of one kind those that the user turned are taken (`turned`).
        """
        of, count, paths = self._turned
        if of is not trials or count != len(trials):  # a round's trials are judged beside the same others
            self._turned = of, count, paths = trials, len(trials), turned(trials.values())
        edits = spelled(self.edits, trial.variant.config, paths)
        return self.propose(trial, edits, reason, evidence, self.expects)

    def foreseen(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the edits with the paths that a config has."""
        return spelled(self.edits, config)


def turned(trials: Iterable[Trial]) -> list[str]:
    """Return the paths that the user's variants and comma lists turned, each once.

    Args:
        trials: As they were planned. What the user asks for before a study begins is in its first round.
    """
    first = takewhile(lambda trial: trial.round <= 1, trials)
    asked = [trial.variant for trial in first if trial.variant.rule in USERS]
    changed = [path for variant in asked for path, _, _ in variant.changes]
    return list(
        dict.fromkeys([*changed, *_swept(variant.overrides for variant in asked if not variant.parent)])
    )


def _swept(starts: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the keys that the starting points override differently."""
    given: dict[str, set[str]] = {}
    for overrides in starts:
        for key, _, value in (override.partition("=") for override in overrides):
            given.setdefault(key.lstrip("+"), set()).add(value)
    yield from (key for key, values in given.items() if len(values) > 1)
