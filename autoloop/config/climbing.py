"""Settings of longer runs: the levels of a climb, and how a run goes on from another's checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from autoloop.errors import ConfigError, SettingError, counted, did_you_mean
from autoloop.loop.steps import Breeding, Climb
from autoloop.rules.paths import is_number, matches

KNOBS = (
    "steps",
    "max_steps",
    "num_steps",
    "total_steps",
    "training.steps",
    "training.max_steps",
    "training.num_steps",
    "train.steps",
    "train.max_steps",
    "trainer.max_steps",
    "total_timesteps",
    "num_train_steps",
    "num_train_frames",
    "trainer.max_epochs",
    "training.max_epochs",
    "training.num_epochs",
    "training.epochs",
    "train.epochs",
    "max_epochs",
    "num_epochs",
    "num_train_epochs",
    "epochs",
)
"""Where apps keep the length of a training; the first that holds a number above 0 is taken."""

MANY = 4
"""How many go up from a level that is not the last but one, where ``keep`` is not set."""

CHECKPOINT = "{checkpoint}"
"""What stands for the path of a checkpoint in ``continues.set``."""

HALFWAY = "{halfway}"
"""What stands for half the length of a run in ``continues.keep``."""

CONTINUES_KEYS = ("checkpoint", "folder", "halfway", "keep", "set", "knobs")


@dataclass(frozen=True, slots=True)
class Continues:
    """How a run of this app goes on from the checkpoint of another.

    Attributes:
        checkpoint: Where a run leaves its checkpoint, relative to its directory; may have wildcards, of
            several the newest counts.
        keep: Key of the app's config -> value that lets a run keep its checkpoint; `HALFWAY` stands for half
            its length.
        overrides: Key -> value that lets a run go on; `CHECKPOINT` stands for the path.
        halfway: Where a run leaves the checkpoints on its way, with wildcards; the last number in such a path
            is the checkpoint's step. Empty where it leaves none.
        knobs: Patterns of the paths that may differ from the run that left the checkpoint: the trainer takes
            them from its config, not from the checkpoint, and they leave the weights' shapes alone. ``*``
            stands for any characters.
    """

    checkpoint: str
    keep: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    halfway: str = ""
    knobs: tuple[str, ...] = ()

    def heeds(self, path: str) -> bool:
        """Whether a run that goes on takes a knob from its own config."""
        return any(fnmatchcase(path, pattern) for pattern in self.knobs)

    def keeping(self, length: int | None = None) -> dict[str, Any]:
        """What lets a run keep its checkpoints.

        Args:
            length: Length of a run whose checkpoint halfway is wanted too; None where it is not.
        """
        if length is None:
            return {key: value for key, value in self.keep.items() if value != HALFWAY}
        return {key: length // 2 if value == HALFWAY else value for key, value in self.keep.items()}


@dataclass(frozen=True, slots=True)
class Climbing:
    """What the user wants of a climb, before the app's config is known.

    Attributes:
        lengths: See `Climb`; empty for no climb.
        keep: The same.
        knob: The same; empty where it is to be found.
        continues: How a run goes on from another; None where every run starts anew.
        warm_start: Whether children start from a checkpoint of their parent's.
        breeding: How the jobs of a round go on from those before, where the strategy wants that and the app's
            config is known; else None.
    """

    lengths: tuple[int, ...] = ()
    keep: tuple[int, ...] = ()
    knob: str = ""
    continues: Continues | None = None
    warm_start: bool = False
    breeding: Breeding | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Climbing:
        """Read what ``hydra.sweeper`` holds of it.

        Raises:
            SettingError: A setting cannot be used; the message names it.
        """
        lengths, keep = _wholes("climb", given["climb"]), _wholes("keep", given["keep"])
        if lengths and (len(lengths) < 2 or sorted(set(lengths)) != list(lengths)):
            why = " does not climb: give the lengths of at least two levels, ascending: [2000, 20000, 200000]"
            raise SettingError("climb", list(lengths), why)
        if lengths and not keep:
            keep = (*(MANY,) * (len(lengths) - 2), 1)
        if lengths and len(keep) != len(lengths) - 1:
            steps = counted(len(lengths) - 1, "step")
            why = f" does not fit climb={list(lengths)}, which has {steps} up: say for each how many go on"
            raise SettingError("keep", list(keep), why)
        continues = _continues(given["continues"])
        if given["warm_start"]:
            check_continues(continues, "warm_start=true", halfway=True)
        return cls(lengths, keep, given["climb_knob"] or "", continues, given["warm_start"])

    def limit(self, config: Mapping[str, Any]) -> Climb | None:
        """The climb of an app with this config; None where none is wanted.

        Raises:
            ConfigError: The config has no such knob.
        """
        if not self.lengths:
            return None
        return Climb(self.lengths, self.keep, self.knob_of(config, f"climb={list(self.lengths)}"))

    def knob_of(self, config: Mapping[str, Any], wanted: str) -> str:
        """The path of the length of a training in an app's config.

        Args:
            config: The config.
            wanted: The setting that needs it, for the message.

        Raises:
            ConfigError: The config has no such knob.
        """
        found = next((path for path in KNOBS if _is_length(config, path)), "")
        knob = self.knob or found
        if not knob:
            raise ConfigError(
                f"{wanted} needs to know where the length of a training stands, and the "
                f"config has no {', '.join(KNOBS[:3])} or the like; say it with climb_knob=<path>"
            )
        if not _is_length(config, knob):
            hint = did_you_mean(knob, list(_numbers(config)))
            raise SettingError("climb_knob", knob, f" is no number in the config{hint}")
        return knob


def _is_length(config: Mapping[str, Any], path: str) -> bool:
    return any(is_number(value) and value > 0 for _, value in matches(config, path)[:1])


def _numbers(node: Any, path: str = "") -> Iterator[str]:
    """The paths of the numbers in a config."""
    if isinstance(node, Mapping):
        for key, item in node.items():
            yield from _numbers(item, f"{path}.{key}" if path else str(key))
    elif is_number(node):
        yield path


def _wholes(name: str, value: Any) -> tuple[int, ...]:
    if value is None:
        return ()
    several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in several):
        raise SettingError(name, value, " is no list of whole numbers above 0")
    return tuple(several)


def check_continues(continues: Continues | None, wanted: str, halfway: bool = False) -> Continues:
    """See to it that a child can start from a checkpoint of its parent's.

    Args:
        continues: How a run goes on, as far as it is known.
        wanted: The setting that needs it, for the message.
        halfway: Whether it needs checkpoints on the way.

    Raises:
        ConfigError: It is not known how, or with which edits; the message says what is missing.
    """
    lacking = "continues" if continues is None else ""
    if continues is not None and halfway and not continues.halfway:
        lacking = "continues.halfway, where a run leaves its checkpoints on the way"
    elif continues is not None and not continues.knobs:
        lacking = "continues.knobs, the knobs that a continued run takes from its config"
    if lacking or continues is None:
        raise ConfigError(f"{wanted} needs to know how this trainer continues: set {lacking} (docs/climb.md)")
    return continues


def _continues(value: Any) -> Continues | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        why = " cannot be used; write {checkpoint: <path in a job's directory>, set: {<key>: '{checkpoint}'}}"
        raise SettingError("continues", value, why)
    for key in value:
        if key not in CONTINUES_KEYS:
            raise ConfigError(f"continues has no key {key!r}{did_you_mean(str(key), CONTINUES_KEYS)}")
    if value.get("checkpoint") is None:
        return None
    overrides, keep = value.get("set") or {}, value.get("keep") or {}
    if not isinstance(overrides, Mapping) or CHECKPOINT not in overrides.values():
        why = f" says nowhere what gets the checkpoint; write set: {{resume_from: '{CHECKPOINT}'}}"
        raise SettingError("continues", dict(value), why)
    if not isinstance(keep, Mapping):
        raise SettingError(
            "continues", dict(value), ": keep is not a mapping; write keep: {save_checkpoint: true}"
        )
    checkpoint, halfway = (_below(value.get("folder"), value.get(key)) for key in ("checkpoint", "halfway"))
    return Continues(checkpoint, dict(keep), dict(overrides), halfway, _patterns(value))


def _below(folder: Any, pattern: Any) -> str:
    """A pattern of files below a folder; empty for none."""
    if pattern is None:
        return ""
    return str(pattern) if folder is None else f"{folder}/{pattern}"


def _patterns(value: Mapping[str, Any]) -> tuple[str, ...]:
    knobs = value.get("knobs") or ()
    is_list = isinstance(knobs, Sequence) and not isinstance(knobs, str)
    if not is_list or not all(isinstance(knob, str) for knob in knobs):
        raise SettingError(
            "continues", dict(value), ": knobs is no list of paths; write knobs: [optimizer.lr, loss.*]"
        )
    return tuple(knobs)
