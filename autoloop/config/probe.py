"""The setting ``probe``: whether a study opens with a probe of the learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoloop.errors import ConfigError, SettingError, did_you_mean
from autoloop.rules import checks

KEYS = ("steps", "every")


@dataclass(frozen=True, slots=True)
class ProbeSetting:
    """The settings of the probe.

    Attributes:
        steps: Steps of a training, where the config does not tell; None where nothing is said.
        every: Steps between two evaluations of the objective, likewise.
        against: Why there is to be no probe, as a clause; empty where there may be one.
    """

    steps: int | None = None
    every: int | None = None
    against: str = ""

    @classmethod
    def read(cls, given: Any) -> ProbeSetting:
        """Read ``true``, ``false`` or ``{steps: .., every: ..}``.

        Raises:
            ConfigError: It is none of these.
        """
        if given is None or given is True or str(given).lower() == "true":
            return cls()
        if given is False or str(given).lower() == "false":
            return cls(against="probe=false")
        if not isinstance(given, Mapping):
            raise SettingError(
                "probe", given, " cannot be used; write true, false or {steps: 1000, every: 50}"
            )
        for key in given:
            if key not in KEYS:
                raise ConfigError(f"probe has no key {key!r}{did_you_mean(str(key), KEYS)}")
        numbers = {str(key): checks.whole("probe", str(key), value, 1) for key, value in given.items()}
        return cls(numbers.get("steps"), numbers.get("every"))
