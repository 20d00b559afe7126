"""The structured configs of autoloop's Hydra plugins, made of the table in `autoloop.config.knobs`.

They stand here, not in the plugins, because Hydra scans every module there. Values are ``Any`` with an
interpolation that looks below ``autoloop.`` in the app's config, and nowhere else: a ``rounds`` or ``gpus``
at the top of an app's config is the app's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import field, make_dataclass
from typing import Any

from autoloop.config.knobs import SECTION, SLOTS, SLURM, SWEEPER, Setting


def _field(knob: Setting) -> Any:
    """The field of a knob; where an app's config may set it, the default asks there first."""
    if knob.shared:
        default = knob.default if isinstance(knob.default, str) else json.dumps(knob.default)
        asked = f"${{oc.select:{SECTION}.{knob.name},{default}}}"
        keys = {"use": asked, **dict.fromkeys(knob.keys)}
        return field(default_factory=lambda: dict(keys)) if knob.keys else field(default=asked)
    return field(default_factory=list) if knob.default == () else field(default=knob.default)


def _config(name: str, target: str, knobs: Sequence[Setting]) -> type:
    """A structured config; it is pickled by its name here, with Hydra's config store."""
    fields = [("_target_", str, field(default=target)), ("_recursive_", bool, field(default=False))]
    made = make_dataclass(name, [*fields, *((knob.name, Any, _field(knob)) for knob in knobs)])
    about = "\n".join(f"    {knob.name}: {knob.about}." for knob in knobs)
    made.__module__, made.__doc__ = __name__, f"Settings of ``{target}``.\n\nAttributes:\n{about}\n"
    return made


#: ``hydra/launcher=slots``.
SlotsLauncherConf = _config("SlotsLauncherConf", "hydra_plugins.autoloop.launcher.SlotsLauncher", SLOTS)
#: ``hydra/launcher=slurm``.
SlurmLauncherConf = _config("SlurmLauncherConf", "hydra_plugins.autoloop.slurm.SlurmLauncher", SLURM)
#: ``hydra/sweeper=autoloop``.
SweeperConf = _config("SweeperConf", "hydra_plugins.autoloop.sweeper.AutoloopSweeper", SWEEPER)
