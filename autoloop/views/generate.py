"""One variant of a config as a new file, from a file, a study's job or a W&B run; its lineage beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from autoloop import __version__
from autoloop.config.base_config import GROUP, read_config_file
from autoloop.config.compose import path_override
from autoloop.config.rerun import merge_overrides, rerun_command
from autoloop.config.values import plain
from autoloop.edits import Change, change
from autoloop.edits.variants import name_of_edits, safe_name
from autoloop.errors import ConfigError, NoChangeError, counted
from autoloop.store.files import inside, write_atomic
from autoloop.store.journal import read_study
from autoloop.views.report.facts import Facts
from autoloop.views.report.why import find_job

PROGRAM = ("python", "-m", "autoloop.train")


@dataclass(frozen=True, slots=True)
class Base:
    """A config to start from.

    Attributes:
        config: Its content, keys in their order.
        name: What names of new files begin with.
        suffix: ``.json`` or ``.yaml``.
        directory: Where new files go by default.
        origin: Where it comes from, for the lineage.
        command: Program and overrides that train it.
        in_file: Whether the trainer reads the new file; else the edits are added as overrides.
    """

    config: dict[str, Any]
    name: str
    suffix: str
    directory: Path
    origin: dict[str, Any]
    command: tuple[str, ...]
    in_file: bool = True


@dataclass(frozen=True, slots=True)
class Generated:
    """A new config file.

    Attributes:
        path: The file.
        lineage: The file beside it that tells where it comes from.
        command: The command that trains it.
        change: What the edits did.
    """

    path: Path
    lineage: Path
    command: tuple[str, ...]
    change: Change = field(repr=False)


def base_from_file(path: Path, task: str) -> Base:
    """Start from a JSON or YAML file.

    Args:
        path: The file.
        task: The task that trains it, a file of conf/task.

    Raises:
        ConfigError: The file cannot be read.
    """
    config = read_config_file(path)
    suffix = ".json" if path.suffix == ".json" else ".yaml"
    origin = {"base_cfg": str(path.resolve())}
    return Base(config, path.stem, suffix, path.parent, origin, (*PROGRAM, f"task={task}"))


def base_from_wandb(run: str, task: str) -> Base:
    """Start from the config that a W&B run logged, ``ENTITY/PROJECT/RUN``.

    Raises:
        OutsideError: W&B cannot be reached, or knows no such run.
    """
    from autoloop.views.analysis.online import online_config

    config = online_config(run)
    if not config:
        raise ConfigError(f"the run {run} has logged no config")
    name = safe_name(run.rpartition("/")[2])
    return Base(config, name, ".json", Path(), {"wandb": run}, (*PROGRAM, f"task={task}"))


def _composed(path: Path) -> DictConfig:
    """A config that Hydra left, as its job may have left it too."""
    try:
        loaded = OmegaConf.load(path)
    except (OSError, YAMLError, OmegaConfBaseException, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(loaded, DictConfig):
        raise ConfigError(f"{path} holds no config: a mapping is expected")
    return loaded


def base_from_job(study_dir: Path, job: str) -> Base:
    """Start from the config of a job of a study.

    Of an external trainer the new file is the trainer's own config; of a Hydra app it is the app's, and the
    command trains it by its overrides.

    Raises:
        AutoloopError: There is no such study or job, or the job's config is gone.
    """
    study = read_study(study_dir)
    found = find_job(Facts(study), job)
    composed = inside(study_dir, found.run_dir) / ".hydra" / "config.yaml"
    if not found.run_dir or not composed.is_file():
        raise ConfigError(
            f"job {found.name!r} has left no config at {composed}: it has not started, or was cleared"
        )
    loaded = _composed(composed)
    root = OmegaConf.select(loaded, "autoloop.root")
    whole: dict[str, Any] = plain(loaded)
    overrides = found.plan.overrides
    if root:
        form = OmegaConf.select(loaded, "profile.config_form") or "json"
        overrides = tuple(text for text in overrides if not _is_below(text, (GROUP, str(root))))
    return Base(
        config=whole[root] if root else whole,
        name=found.name,
        suffix=f".{form}" if root else ".yaml",
        directory=Path(),
        origin={"study": str(study_dir.resolve()), "job": found.job, "name": found.name},
        command=tuple(rerun_command(study.header, overrides)),
        in_file=bool(root),
    )


def _is_below(override: str, keys: Sequence[str]) -> bool:
    key = re.split(r"[=.]", override.lstrip("+~"), maxsplit=1)[0]
    return key in keys


def generate(base: Base, edits: Sequence[str], reason: str, out_dir: Path | None, created: str) -> Generated:
    """Write one variant of a config under a new name, and its lineage beside it; no file is ever replaced.

    Args:
        base: The config to start from.
        edits: Edits of it; none copies it.
        reason: Why, for the lineage.
        out_dir: Where to; None for beside the base.
        created: When, for the lineage.

    Raises:
        EditError: An edit does not fit the config.
        OSError: The directory cannot be written.
    """
    done = change(edits, base.config, skip=(NoChangeError,))
    if edits and not done.changes:
        change(edits, base.config)  # tells why nothing changes
    stem = f"{base.name}-{_label(edits)}" if edits else base.name
    directory = base.directory if out_dir is None else out_dir
    directory.mkdir(parents=True, exist_ok=True)
    path = _write_new(directory, stem, base.suffix, format_config(done.config, base.suffix))
    lineage = path.with_suffix(".lineage.json")
    command = command_for(base, path, done)
    record = {
        "autoloop": __version__,
        "created": created,
        "config": path.name,
        "from": base.origin,
        "reason": reason,
        "edits": list(edits),
        "changes": [{"path": place, "old": old, "new": new} for place, old, new in done.changes],
        "notes": list(done.notes),
        "command": list(command),
    }
    write_atomic(lineage, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return Generated(path, lineage, command, done)


def _label(edits: Sequence[str]) -> str:
    """The edits as part of a file's name: as many whole ones as fit, and how many there are besides."""
    names = [name_of_edits([edit]) for edit in edits]
    for shown in range(len(names), 0, -1):
        rest = [f"{len(names) - shown}_more"] if shown < len(names) else []
        label = "-".join([*names[:shown], *rest])
        if safe_name(label) == label:
            return label
    return safe_name(counted(len(names), "edit"))


def command_for(base: Base, path: Path, done: Change) -> tuple[str, ...]:
    """Return the command that trains a new file."""
    if base.in_file:
        return (*base.command, path_override(GROUP, path.resolve()))
    start = len(base.command) - next((i for i, arg in enumerate(reversed(base.command)) if "=" not in arg), 0)
    return (*base.command[:start], *merge_overrides(base.command[start:], done.overrides))


def _write_new(directory: Path, stem: str, suffix: str, text: str) -> Path:
    """Write a file under the first free name; two writers at one time get two files."""
    for name in _names(stem):
        path = directory / f"{name}{suffix}"
        if path.with_suffix(".lineage.json").exists():
            continue
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        return path
    raise AssertionError("names never end")


def _names(stem: str) -> Iterator[str]:
    yield stem
    number = 1
    while True:
        number += 1
        yield f"{stem}_{number}"


def format_config(config: dict[str, Any], suffix: str) -> str:
    """Return a config as the text of a JSON or YAML file that reads back with the same types and order."""
    if suffix == ".json":
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    return OmegaConf.to_yaml(OmegaConf.create(config))
