"""Whom to tell, and of what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoloop.errors import ConfigError, SettingError, did_you_mean

KEYS = ("command", "timeout_s", "failures")


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Whom to tell.

    Attributes:
        command: A line for ``sh``, or a program and its arguments; None for nobody. It finds the JSON line on
            its standard input.
        timeout_s: Seconds it may take.
        failures: So many failed jobs in a row are worth a message.
    """

    command: str | tuple[str, ...] | None = None
    timeout_s: float = 10.0
    failures: int = 3

    @classmethod
    def read(cls, given: Any) -> NotifySettings:
        """Read ``hydra.sweeper.notify``.

        Raises:
            ConfigError: A key is not known, or its value cannot be used.
        """
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise SettingError("notify", given, " is not a mapping; to name a command, set notify.command")
        for key in given:
            if key not in KEYS:
                hint = did_you_mean(str(key), KEYS)
                raise ConfigError(f"notify has no key {key!r}{hint} (it has {', '.join(KEYS)})")
        return cls(
            command=_command(given.get("command")),
            timeout_s=float(_number(given, "timeout_s", 10.0)),
            failures=math.ceil(_number(given, "failures", 3)),
        )

    @property
    def argv(self) -> list[str]:
        """The program to start."""
        if isinstance(self.command, str):
            return ["/bin/sh", "-c", self.command]
        return list(self.command or ())


def _command(value: Any) -> str | tuple[str, ...] | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise SettingError("notify.command", value, " is neither a line for the shell nor a list of words")


def _number(given: Mapping[str, Any], name: str, default: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise SettingError(f"notify.{name}", value, " is not a number above 0")
    return value
