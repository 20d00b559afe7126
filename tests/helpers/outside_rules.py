"""Rules as outside authors write them: one good, and one for each promise a rule can break."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from autoloop.rules import Decision, Outlook, Rule
from autoloop.study.trials import Trial


class Nothing(Rule):
    def __init__(self, *, name: str) -> None:
        self.name = name

    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return self.abstain(trial, "never says anything")


class Fails(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        raise ZeroDivisionError("no points")


class ReturnsNone(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Any:
        return None


class Moody(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return self.abstain(trial, f"mood {random.random()}")


class Looks(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return self.abstain(trial, f"the first one is {next(iter(trials))}")


class Scribbles(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        for series in trial.history.values():
            series.values[:] = 0
        return self.abstain(trial, "wrote into the curves")


class Unreadable(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return Decision(self.name, trial.name, "an edit of its own", edits=("lr*2",))


class NotANumber(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return self.abstain(trial, "no idea", {"value": float("nan")})


class Impostor(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return Decision("somebody", trial.name, "not me")


class Stranger(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return Decision(self.name, "somewhere", "another place", judged=trial.name, edits=("lr@mul=2",))


class Proposes(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return Decision(self.name, trial.name, "always", edits=("lr@mul=2",))


class Surprises(Proposes):
    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        return Outlook("always", ("batch_size@mul=2",))


class Mumbles(Proposes):
    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        return Outlook("always", ("lr*2",))


class Wavers(Proposes):
    def foresee(self, config: Mapping[str, Any]) -> Outlook:
        return Outlook(f"mood {random.random()}")


class LastWord(Nothing):
    def decide(self, trial: Trial, trials: Mapping[str, Trial]) -> Decision:
        return Decision(self.name, trial.name, "that is all", final=True)
