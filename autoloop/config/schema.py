"""The config nodes of autoloop's Hydra plugins, made of the table in `autoloop.config.knobs`.

They stand here, not in the plugins, because Hydra scans every module there. Values have no type, their
defaults are interpolations that look below ``autoloop.`` in the app's config, and nowhere else: a ``rounds``
or ``gpus`` at the top of an app's config is the app's own.

A node takes keys that it does not have: config files written for another plugin are laid over it, and
`autoloop.config.foreign` says what becomes of such keys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, StringNode

from autoloop.config.knobs import SECTION, SLOTS, SLURM, SWEEPER, Setting


class Chosen(StringNode):
    """The class of a plugin: it stays the one that ``hydra/sweeper=...`` chose.

    Files for another plugin may name their class beside its settings; laid over ours it would have its way,
    whatever the command line chose.
    """

    @property
    def asked(self) -> str:
        """The class that was asked for and ignored, or an empty string."""
        return str(self.__dict__.get("_asked", ""))

    def _validate_and_convert_impl(self, value: Any) -> str:
        text = super()._validate_and_convert_impl(value)
        if getattr(self, "_val", None) is None:
            return text
        if text != self._val:
            self.__dict__["_asked"] = text
        return str(self._val)

    def __deepcopy__(self, memo: dict[int, Any]) -> Chosen:
        copy = Chosen()
        self._deepcopy_impl(copy, memo)
        copy.__dict__["_asked"] = self.asked
        return copy


def _value(knob: Setting) -> Any:
    """The default of a knob; where an app's config may set it, it asks there first."""
    if knob.shared:
        default = knob.default if isinstance(knob.default, str) else json.dumps(knob.default)
        asked = f"${{oc.select:{SECTION}.{knob.name},{default}}}"
        return {"use": asked, **dict.fromkeys(knob.keys)} if knob.keys else asked
    return [] if knob.default == () else knob.default


def _node(target: str, knobs: Sequence[Setting]) -> DictConfig:
    """A node of Hydra's config: what makes the plugin, and the default of each of its settings."""
    values: dict[Any, Any] = {"_target_": Chosen(f"hydra_plugins.autoloop.{target}"), "_recursive_": False}
    values |= {knob.name: _value(knob) for knob in knobs}
    return DictConfig(values, flags={"struct": False})


#: ``hydra/launcher=slots``.
SLOTS_NODE = _node("launcher.SlotsLauncher", SLOTS)
#: ``hydra/launcher=slurm``.
SLURM_NODE = _node("slurm.SlurmLauncher", SLURM)
#: ``hydra/sweeper=autoloop``.
SWEEPER_NODE = _node("sweeper.AutoloopSweeper", SWEEPER)
SWEEPER_NODE["defaults"] = [
    {"optional sampler": None}
]  # files may choose one by `override hydra/sweeper/sampler`
