"""The names of signals, unknown ones too."""

from __future__ import annotations

import signal


def signal_name(number: int) -> str:
    """Return a signal's name, such as ``SIGKILL``; ``signal 42`` for one that has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def signal_number(name: str) -> int:
    """Return the number of the signal that `signal_name` calls so; 0 if there is none."""
    known = signal.Signals.__members__.get(name)
    if known is not None:
        return known.value
    word, _, number = name.partition(" ")
    return int(number) if word == "signal" and number.isdecimal() else 0
