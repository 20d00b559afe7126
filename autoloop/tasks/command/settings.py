"""The config of a trainer, read and checked."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoloop.errors import ConfigError, did_you_mean

STARTS = ("python", "accelerate", "inline")
FORMS = ("json", "yaml", None)
STYLES = ("equals", "argparse", "hydra")
#: What the nodes ``command`` and ``profile`` may hold: docs/trainers.md.
COMMAND_KEYS = (
    *("script", "module", "args", "start", "num_processes", "launch_args", "python", "cwd", "env"),
    *("keep_checkpoints", "resume_from", "output_dir", "config_file"),
)
PROFILE_KEYS = (
    *("config_form", "args", "flags", "flag_style", "set", "ints", "ignored", "same", "failure", "resume"),
    "metrics",
)


@dataclass(frozen=True, slots=True)
class Trainer:
    """A trainer: how it is started and how it takes its config.

    Attributes:
        program: The script's path, or ``-m`` and a module.
        args: The arguments behind it, before the flags.
        start: ``python``, ``accelerate`` or ``inline``.
        num_processes: Processes of one job.
        launch_args: More arguments for ``accelerate launch``.
        python: Interpreter it runs under.
        cwd: Its working directory; None for the loop's.
        env: Variables of its environment; None takes one out.
        config: Its own config.
        config_form: Form of its config file; None for no file.
        config_file: Where that file goes.
        output_dir: Directory that the trainer, and nobody else, creates.
        flags: Values given on the command line; later mappings win.
        flag_style: How they are written.
        put: Values that are put into the config file.
        ints: Paths in the config that must hold whole numbers.
        failure: Patterns of log lines that say why it failed.
        same: Groups of names at the top of its config that mean the same in different versions of it.
    """

    program: tuple[str, ...]
    args: tuple[str, ...]
    start: str
    num_processes: int
    launch_args: tuple[str, ...]
    python: str
    cwd: Path | None
    env: Mapping[str, str | None]
    config: Mapping[str, Any]
    config_form: str | None
    config_file: Path
    output_dir: Path
    flags: tuple[Mapping[str, Any], ...]
    flag_style: str
    put: Mapping[str, Any]
    ints: tuple[str, ...]
    failure: tuple[str, ...]
    same: tuple[tuple[str, ...], ...] = ()


def read_trainer(cfg: DictConfig) -> Trainer:
    """Read the nodes ``command``, ``profile`` and ``config`` of an app's config.

    Raises:
        ConfigError: A setting is missing, unknown, or cannot be used.
    """
    command, profile = _node(cfg, "command", COMMAND_KEYS), _node(cfg, "profile", PROFILE_KEYS)
    resume = command["resume_from"] is not None
    resuming = (profile["resume"] or {}).get("args") or []
    if resume and not resuming:
        raise ConfigError(
            "command.resume_from is set, but this trainer's profile does not say how it resumes"
        )
    return Trainer(
        program=_program(command),
        args=(*_texts(command, "args"), *(map(str, resuming) if resume else _texts(profile, "args"))),
        start=_one_of("command.start", command["start"], STARTS),
        num_processes=_count("command.num_processes", command["num_processes"]),
        launch_args=_texts(command, "launch_args"),
        python=str(command["python"] or sys.executable),
        cwd=Path(command["cwd"]).expanduser().absolute() if command["cwd"] else None,
        env={**_gpus(cfg), **_env(command["env"])},
        config=_node(cfg, "config"),
        config_form=_one_of("profile.config_form", profile["config_form"], FORMS),
        config_file=Path(command["config_file"]).absolute(),
        output_dir=Path(command["output_dir"]).absolute(),
        flags=_mappings("profile.flags", profile["flags"]),
        flag_style=_one_of("profile.flag_style", profile["flag_style"], STYLES),
        put=profile["set"] or {},
        ints=_texts(profile, "ints"),
        failure=_texts(profile, "failure"),
        same=tuple(tuple(map(str, group)) for group in profile["same"] or ()),
    )


def _node(cfg: DictConfig, name: str, known: Sequence[str] = ()) -> dict[str, Any]:
    """A node of the config as plain values.

    Args:
        cfg: The app's config.
        name: The node.
        known: The keys it may have; any if there are none.

    Raises:
        ConfigError: It has another key, or a value in it refers to something that is not there.
    """
    try:
        plain = OmegaConf.to_container(cfg[name], resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"the config's {name!r} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(plain, dict):
        raise ConfigError(f"the config's {name!r} is {plain!r}; it must be a mapping")
    for key in plain:
        if known and key not in known:
            raise ConfigError(
                f"{name} has no key {str(key)!r}{did_you_mean(str(key), known)} (it has {', '.join(known)})"
            )
    return {str(key): value for key, value in plain.items()}


def _env(given: Mapping[str, Any] | None) -> dict[str, str | None]:
    return {str(name): None if value is None else str(value) for name, value in (given or {}).items()}


def _gpus(cfg: DictConfig) -> dict[str, str]:
    """The GPUs of a single run, which no launcher has given any."""
    gpus = OmegaConf.select(cfg, "gpus")
    single = HydraConfig.get().mode in (None, RunMode.RUN)
    if not single or "CUDA_VISIBLE_DEVICES" in os.environ or not OmegaConf.is_list(gpus):
        return {}
    return {"CUDA_VISIBLE_DEVICES": ",".join(str(gpu) for gpu in gpus[: cfg.command.num_processes])}


def _program(command: Mapping[str, Any]) -> tuple[str, ...]:
    """The script wins over the module: a preset names the module, its user a script of their own."""
    if command["script"]:
        base = Path(command["cwd"] or ".").expanduser()
        script = (base / Path(command["script"]).expanduser()).absolute()
        if not script.is_file():
            names = [entry.name for entry in script.parent.iterdir()] if script.parent.is_dir() else []
            raise ConfigError(f"command.script: there is no file {script}{did_you_mean(script.name, names)}")
        return (str(script),)
    if command["module"]:
        return ("-m", str(command["module"]))
    raise ConfigError("nothing to start: give command.script=PATH or command.module=NAME")


def _texts(node: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = node[name]
    if isinstance(value, str) or not isinstance(value, list | None):
        raise ConfigError(f"{name}={value!r} must be a list of arguments")
    return tuple(str(item) for item in value or ())


def _mappings(name: str, value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ConfigError(f"{name}={value!r} must be a list of mappings")
    return tuple(value)


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        listed = ", ".join("null" if option is None else option for option in known)
        raise ConfigError(f"{name}={value!r} is not one of {listed}{did_you_mean(str(value), known)}")
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name}={value!r} is not a whole number of 1 or more")
    return value
