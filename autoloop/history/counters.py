"""Counters: under which names trainers log how far they are."""

from __future__ import annotations

from collections.abc import Iterable

#: Names of counters, the most telling first, as `plain` writes them: a step of the trainer, a step of the
#: environment, an iteration, an epoch.
COUNTERS = (
    "global_step",
    "step",
    "steps",
    "total_steps",
    "train_step",
    "train_steps",
    "num_steps",
    "total_timesteps",
    "num_timesteps",
    "timesteps_total",
    "timesteps",
    "timestep",
    "env_steps",
    "env_step",
    "total_env_steps",
    "num_env_steps_sampled_lifetime",
    "frames",
    "frame",
    "iteration",
    "iterations",
    "training_iteration",
    "iter",
    "iters",
    "it",
    "itr",
    "update",
    "updates",
    "epoch",
    "epochs",
    "episode",
    "episodes",
    "round",
)
#: Names that data have as well: in a file of no usual name they tell nothing.
_OF_DATA = frozenset({"frame", "frames", "episode", "episodes", "round", "update", "updates"})
_RANK = {name: rank for rank, name in enumerate(COUNTERS)}


def plain(name: str) -> str:
    """Return a name as the table has it: what comes after the last slash, in small letters."""
    return name.rpartition("/")[2].strip().strip("_").lower().replace(" ", "_").replace("-", "_")


def rank(name: str) -> int | None:
    """Return how telling a counter of this name is, the most telling least; None of another metric."""
    return _RANK.get(plain(name))


def marks_a_run(name: str, is_usual: bool) -> bool:
    """Tell whether a counter of this name makes a file with a usual name, or another, a run's."""
    return rank(name) is not None and (is_usual or plain(name) not in _OF_DATA)


def is_step(name: str) -> bool:
    """Tell whether a counter of this name counts steps, each of which is a moment: an epoch is none."""
    known = rank(name)
    return known is not None and known < _RANK["epoch"]


def best(names: Iterable[str]) -> str | None:
    """Return the most telling counter of these names, of equals the first; None if none is a counter."""
    found = [(known, place, name) for place, name in enumerate(names) if (known := rank(name)) is not None]
    return min(found)[2] if found else None
