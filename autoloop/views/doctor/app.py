"""What an app needs and this environment lacks, as its source and its config files say; nothing is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from autoloop.errors import AutoloopError, did_you_mean

#: Name in one of Hydra's groups -> the package that brings it.
_OFFERS = {
    "ray": "'autoloop[ray]'",
    "ray_aws": "hydra-ray-launcher",
    "submitit_local": "hydra-submitit-launcher",
    "submitit_slurm": "hydra-submitit-launcher",
    "joblib": "hydra-joblib-launcher",
    "rq": "hydra-rq-launcher",
    "optuna": "hydra-optuna-sweeper",
    "ax": "hydra-ax-sweeper",
    "nevergrad": "hydra-nevergrad-sweeper",
}

_GROUPS = ("hydra/launcher", "hydra/sweeper")


def missing(app: Path, overrides: Iterable[str], offered: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """What is missing for an app.

    Args:
        app: Its main program.
        overrides: Those as on its command line.
        offered: ``hydra/launcher`` and ``hydra/sweeper`` -> the names that can be chosen.

    Raises:
        AutoloopError: The program cannot be read.
    """
    try:
        tree = ast.parse(app.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise AutoloopError(f"{app} cannot be read as a Python program: {error}") from error
    for name in sorted(set(_imports(tree))):
        if not _is_there(name, app.parent):
            yield f"{app.name} imports {name}, which is not installed"
    asked = dict.fromkeys(_asked(app, tree))
    asked.update(dict.fromkeys((key, name, "the command line") for key, name in _choices(overrides)))
    for group, name, where in asked:
        if name not in offered[group]:
            hint = f": pip install {_OFFERS[name]}" if name in _OFFERS else did_you_mean(name, offered[group])
            yield f"{where} asks for {group}={name}, which no plugin offers{hint}"


def _imports(tree: ast.Module) -> Iterator[str]:
    """The packages that a program cannot do without: those imported outside of a ``try``."""
    optional = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _is_there(name: str, folder: Path) -> bool:
    beside = (folder / name).is_dir() or (folder / f"{name}.py").is_file()
    return beside or name in sys.builtin_module_names or find_spec(name) is not None


def _asked(app: Path, tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Group, name and file of what the app's primary config takes from Hydra's groups."""
    for folder, name in _configs(tree):
        file = app.parent / folder / f"{name.removesuffix('.yaml')}.yaml"
        for entry in _defaults(file):
            for key, value in entry.items():
                group = str(key).removeprefix("override ").strip().lstrip("/")
                if group in _GROUPS and isinstance(value, str) and "${" not in value:
                    yield group, value, file.name


def _configs(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """``config_path`` and ``config_name`` of each function behind ``hydra.main``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("main"):
            given = {one.arg: one.value.value for one in node.keywords if isinstance(one.value, ast.Constant)}
            if given.get("config_name"):
                yield str(given.get("config_path") or "."), str(given["config_name"])


def _defaults(file: Path) -> list[Mapping[Any, Any]]:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    entries = config.get("defaults") if isinstance(config, Mapping) else None
    return [entry for entry in entries or () if isinstance(entry, Mapping)]


def _choices(overrides: Iterable[str]) -> Iterator[tuple[str, str]]:
    for override in overrides:
        key, _, value = override.partition("=")
        if key in _GROUPS and value:
            yield key, value
