"""How running jobs are watched: values that a user sets."""

from __future__ import annotations

from dataclasses import dataclass

from autoloop.stopping.base import StopRule


@dataclass(frozen=True, slots=True)
class Watching:
    """How jobs are watched.

    Attributes:
        rules: The stop rules.
        protect_top: A job is safe where it is among so many of the best, at the same step.
        interval_s: Seconds between two looks.
    """

    rules: tuple[StopRule, ...] = ()
    protect_top: int = 1
    interval_s: float = 2.0
