"""Settings of the loop's judgement: gain or noise, what is held against a proposal, how rounds flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoloop.errors import ConfigError, SettingError, did_you_mean
from autoloop.loop.due import Flow
from autoloop.loop.repeats import SEED_PATHS
from autoloop.rules import checks
from autoloop.stopping import build_stop_rules
from autoloop.stopping.watching import Watching

NOISE_KEYS = ("repeats", "seed")


@dataclass(frozen=True, slots=True)
class Judging:
    """How a study keeps score.

    Attributes:
        repeats: Times the baseline is run again in round 1, each with another seed, to measure the noise.
        seed_paths: Where the seed of a training may stand in the config; the first that is there is taken.
        cooldown: Rounds for which a rule that made things worse is not asked again on that lineage.
        freeze: Whether a knob that had no effect is left alone.
        scorecard: File that carries the scorecard from study to study; None for none.
    """

    repeats: int = 0
    seed_paths: tuple[str, ...] = SEED_PATHS
    cooldown: int = 2
    freeze: bool = True
    scorecard: Path | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Judging:
        """Read what ``hydra.sweeper`` holds of it.

        Raises:
            ConfigError: A setting cannot be used; the message names it.
        """
        noise = given.get("noise") or {}
        if not isinstance(noise, Mapping):
            raise SettingError("noise", noise, " cannot be used; write {repeats: 2, seed: null}")
        for key in noise:
            if key not in NOISE_KEYS:
                raise ConfigError(f"noise has no key {key!r}{did_you_mean(str(key), NOISE_KEYS)}")
        seed, path = noise.get("seed"), given.get("scorecard")
        return cls(
            repeats=checks.whole("noise", "repeats", noise.get("repeats") or 0, 0),
            seed_paths=SEED_PATHS if seed is None else checks.texts("noise", "seed", seed),
            cooldown=given["cooldown"],
            freeze=given["freeze"],
            scorecard=None if path is None else Path(path).expanduser(),
        )


def read_flow(given: Mapping[str, Any]) -> Flow:
    """Read how rounds follow each other.

    Raises:
        ConfigError: A setting cannot be used; the message names it.
    """
    return Flow(
        barrier=given["barrier"],
        quorum=given["quorum"],
        refill=given["refill"],
        needs_approval=given["approve"],
    )


def read_watching(given: Mapping[str, Any], rules: Mapping[str, Any]) -> Watching:
    """Read how running jobs are watched.

    Args:
        given: What ``hydra.sweeper`` holds.
        rules: The stop rules as configured.

    Raises:
        ConfigError: A setting cannot be used; the message names it.
    """
    return Watching(
        rules=tuple(build_stop_rules(rules)),
        protect_top=given["protect_top"],
        interval_s=given["watch_s"],
    )
