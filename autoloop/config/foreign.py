"""Keys of `hydra.sweeper` and `hydra.launcher` that are none of ours.

An app's config files are often written for another plugin: a launcher's cores and limits, a sampler and its
trials. Hydra lays them over our defaults all the same, whichever plugin is chosen. What a file says to
another plugin is left aside, and said; what the user typed on the command line is meant for us.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, flag_override

from autoloop.config.knobs import SLOTS, SLURM, SWEEPER, Setting
from autoloop.config.origins import typed_of_hydra
from autoloop.config.peers import KEYS
from autoloop.config.schema import Chosen
from autoloop.errors import ConfigError, did_you_mean, nearest

_JOBS_OUT = "n_jobs says how many jobs run at a time"
_GPUS = "gpus_per_job says how many GPUs a job gets"
_SBATCH = "sbatch takes any option of sbatch"
_SPACE = "params says what is searched"
_PLACE = "a study is kept in hydra.sweep.dir"

#: Plugin -> key of other plugins of its kind -> which of our settings to use in its place; empty for none.
ADVICE: Mapping[str, Mapping[str, str]] = {
    "autoloop": {
        "search_space": _SPACE,
        "algorithm": "strategy says who proposes",
        "budget": "n_trials says how many jobs there are in all",
        "num_workers": _JOBS_OUT,
        "experiment": _PLACE,
    },
    "slots": {
        "cpus_per_task": _JOBS_OUT,
        "tasks_per_node": _JOBS_OUT,
        "nodes": _JOBS_OUT,
        "array_parallelism": _JOBS_OUT,
        "gpus_per_node": _GPUS,
        "gpus_per_task": _GPUS,
        "gres": _GPUS,
        **dict.fromkeys(("mem_gb", "mem_per_cpu", "mem_per_gpu"), ""),  # nothing limits the memory of a job
        "timeout": "timeout_min is in minutes",
        "signal_delay_s": "grace_s says how long a job has to end",
    },
    "slurm": {
        "array_parallelism": _JOBS_OUT,
        "gpus_per_node": "gres says which GPUs a job gets",
        "gpus_per_task": "gres says which GPUs a job gets",
        "signal_delay_s": "grace_s says how long a job has to end",
        "additional_parameters": _SBATCH,
        **dict.fromkeys(("comment", "constraint", "exclude", "name", "mem_per_cpu", "mem_per_gpu"), _SBATCH),
    },
}

#: Words of Hydra's for any node that it makes an object of.
_HYDRAS = ("_target_", "_recursive_", "_convert_", "_partial_", "_args_")


@dataclass(frozen=True, slots=True)
class Owner:
    """One of our plugins, as its keys stand in the config.

    Attributes:
        group: ``sweeper`` or ``launcher``.
        name: As in ``hydra/sweeper=<name>``.
        knobs: Its settings.
    """

    group: str
    name: str
    knobs: Sequence[Setting]

    def advice(self, key: str) -> str:
        """Which of our settings to use in the place of a key that is none; empty where none comes near."""
        known = ADVICE[self.name].get(key)
        near = did_you_mean(key, [knob.name for knob in self.knobs]).removeprefix("; ")
        return known if known is not None else near or self._of_another(key)

    def _of_another(self, key: str) -> str:
        """Which plugin of the same group has a setting of that name, or of one that is spelt nearly so."""
        for other in OURS.values():
            found = nearest(key, [knob.name for knob in other.knobs])
            if found and other.group == self.group and other is not self:
                return f"{found} is a setting of hydra/{other.group}={other.name}"
        return ""


OURS = {
    owner.name: owner
    for owner in (
        Owner("sweeper", "autoloop", SWEEPER),
        Owner("launcher", "slots", SLOTS),
        Owner("launcher", "slurm", SLURM),
    )
}


def left_aside(owner: Owner, config: DictConfig) -> str:
    """Say which keys of a plugin's node are none of its settings, in one line; empty where all are.

    Args:
        owner: The plugin.
        config: The whole config of the sweep.

    Raises:
        ConfigError: Such a key was given on the command line.
    """
    node = config.hydra[owner.group]
    foreign = _foreign(owner, node)
    refuse_typed(owner, foreign, typed_of_hydra(config))
    target = node._get_node("_target_")
    other = target.asked if isinstance(target, Chosen) else ""
    return _left_aside_line(owner, foreign, other)


def without_foreign(group: str, config: DictConfig) -> str:
    """Take foreign keys out of a plugin's node before Hydra makes the plugin, which resolves all of it.

    What a file says to another plugin may refer to what only that one has.

    Args:
        group: ``sweeper`` or ``launcher``.
        config: The whole config of the sweep; its node is changed if the plugin chosen is one of ours.

    Returns:
        The message of `left_aside` about them.

    Raises:
        ConfigError: Such a key was given on the command line.
    """
    owner = OURS.get(str(config.hydra.runtime.choices.get(f"hydra/{group}")))
    if owner is None:
        return ""
    aside, node = left_aside(owner, config), config.hydra[group]
    with flag_override(node, ["readonly", "struct"], False):
        for key in _foreign(owner, node):
            del node[key]
    return aside


def _foreign(owner: Owner, node: DictConfig) -> list[str]:
    known = {knob.name for knob in owner.knobs}.union(_HYDRAS, KEYS if owner.group == "sweeper" else ())
    return [str(key) for key in node if key not in known]


def refuse_typed(owner: Owner, foreign: Collection[str], overrides: Iterable[str]) -> None:
    """Refuse foreign keys that the user typed.

    Args:
        owner: The plugin.
        foreign: Keys of its node that are none of its settings.
        overrides: Those of the command line for Hydra's own config.

    Raises:
        ConfigError: One of them was given there.
    """
    for key in typed_keys(f"hydra.{owner.group}", overrides):
        if key in foreign:
            raise ConfigError(
                f"hydra.{owner.group}.{key} is not a setting of {owner.name}: "
                + (owner.advice(key) or f"it has {', '.join(knob.name for knob in owner.knobs)}")
            )


def typed_keys(node: str, overrides: Iterable[str]) -> Iterator[str]:
    """The keys directly below a node that overrides set, one by one or with the whole node."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        path = override.key_or_group
        if path.startswith(f"{node}."):
            yield path.removeprefix(f"{node}.").partition(".")[0]
        elif path == node:
            value: Any = override.value()
            yield from map(str, value if isinstance(value, Mapping) else ())


def _left_aside_line(owner: Owner, foreign: Sequence[str], other: str) -> str:
    """The line about keys that are left aside; ``other``: the class that a file asked for, if any did."""
    if not foreign and not other:
        return ""
    parts = [f"{key} ({advice})" if (advice := owner.advice(key)) else key for key in foreign]
    if other:
        parts.insert(0, f"_target_ {other}")
    return (
        f"your config's hydra.{owner.group} has settings that {owner.name} does not know; they are ignored: "
        + ", ".join(parts)
    )
