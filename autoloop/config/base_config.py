"""A trainer's own config file, JSON or YAML: read with its types and kept where Hydra composes it from."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from autoloop.edits import LiteralError, format_literal, parse_literal, split_commas
from autoloop.errors import ConfigError, did_you_mean

#: The config group whose options are files of the user's; their content stands under `ROOT`.
GROUP = "base_config"
ROOT = "config"
#: How the name of a config file ends.
SUFFIXES = (".json", ".yaml", ".yml")
#: Knobs that belong to the trainer's config even where a file leaves them to the trainer's defaults.
TRAINER_KNOBS = ("steps", "log_freq", "eval_freq", "seed")

_OVERRIDE = re.compile(r"(?P<mark>\+\+|\+|~)?(?P<first>[A-Za-z_$][\w$-]*)(?P<rest>[.=].*|)", re.DOTALL)


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a JSON or YAML file: ints stay ints, lists lists, null None, keys in their order.

    Args:
        path: A ``.json`` file, or ``.yaml``/``.yml``.

    Raises:
        ConfigError: There is no such file, it cannot be read (with line and column), holds a key twice, or
            holds something other than a mapping.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path} is not a config file: its name ends with none of .json, .yaml and .yml")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"there is no config file {path}{_nearest_file(path)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config file {path} cannot be read: {error}") from error
    loaded = _json(text, path) if path.suffix == ".json" else _yaml(text, path)
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds a {type(loaded).__name__}; a config is a mapping of names to values")
    return loaded


def _nearest_file(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in SUFFIXES]
    except OSError:
        return f" (there is no directory {path.parent} either)"
    return did_you_mean(path.name, names)


def _json(text: str, path: Path) -> Any:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ConfigError(f"{path}: the key {twice!r} appears twice in one mapping; remove one of them")
        return found

    try:
        return json.loads(text, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1] if error.lineno <= len(text.splitlines()) else ""
        shown, mark = _excerpt(line, error.colno)
        raise ConfigError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}\n  {shown}\n  {mark}"
        ) from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply to be a config") from error


def _excerpt(line: str, column: int, width: int = 80) -> tuple[str, str]:
    """The part of a line around a column (from 1), and a caret to go under it."""
    start = max(0, column - 1 - width // 2)
    return line[start : start + width].replace("\t", " "), " " * (column - 1 - start) + "^"


def _yaml(text: str, path: Path) -> Any:
    try:
        loaded = OmegaConf.create(text) if text.strip() else OmegaConf.create()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: {error.problem or error.context}") from error
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"{path}: {error}") from error
    return OmegaConf.to_container(loaded, resolve=False)


def escaped(value: Any) -> Any:
    """The same config with every ``${`` in its texts escaped: a JSON file has no interpolations."""
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, str) and "${" in value:
        return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + "\\${", value)
    return value


def keep_files(args: Sequence[str]) -> list[str]:
    """Read the files that ``base_config=a.json,b.json`` names and make them options of that config group.

    They are kept in Hydra's ConfigStore, which travels to the jobs with every launcher: a file that changes
    while a study runs changes nothing in it.

    Args:
        args: The command line.

    Returns:
        The same arguments, the files by their absolute paths.

    Raises:
        ConfigError: A file cannot be used.
    """
    args = [arg for arg in args if arg not in (f"{GROUP}=", f"{GROUP}=null")]  # the default already
    return [_kept(arg) if arg.startswith(f"{GROUP}=") else arg for arg in args]


def _kept(arg: str) -> str:
    from hydra.core.config_store import ConfigStore

    options = []
    for text in split_commas(arg.partition("=")[2]):
        path = Path(str(_unquoted(text.strip()))).expanduser().absolute()
        content = read_config_file(path)
        # below its key, not at the top, where Hydra would take a key `defaults` for its own
        node = OmegaConf.create({ROOT: escaped(content) if path.suffix == ".json" else content})
        with warnings.catch_warnings():  # Hydra 1.4 warns where a file is given again
            warnings.simplefilter("ignore")
            ConfigStore.instance().store(
                f"{path.name}.yaml", node, GROUP + str(path.parent), "_global_", "autoloop"
            )
        options.append(format_literal(str(path)))
    return f"{GROUP}={','.join(options)}"


def _unquoted(text: str) -> Any:
    try:
        return parse_literal(text)
    except LiteralError:
        return text


def to_trainer(args: Sequence[str], app: Mapping[str, Any], root: str | None) -> list[str]:
    """Send the arguments for the trainer's config there: ``steps=60`` becomes ``config.steps=60``.

    A name that the loop has too (``wandb``, ``resume``, ``hydra``) stays the loop's, except `TRAINER_KNOBS`.

    Args:
        args: Hydra's arguments.
        app: The app's composed config.
        root: The key under which the trainer's config stands; None changes nothing.
    """
    if root is None:
        return list(args)
    own = {*app, "hydra"} - set(TRAINER_KNOBS)
    several = any(arg.startswith(f"{GROUP}=") and len(split_commas(arg)) > 1 for arg in args)
    return [_sent(arg, set(app[root]) - own, root, several) for arg in args]


def _sent(arg: str, names: Collection[str], root: str, several: bool) -> str:
    found = _OVERRIDE.fullmatch(arg)
    if found is None or arg.startswith("-"):
        return arg
    mark, first, rest = found["mark"] or "", found["first"], found["rest"]
    if first in names:
        mark = mark or ("++" if several else "")  # Hydra first composes a sweep without any of several files
        return f"{mark}{root}.{first}{rest}"
    if first in TRAINER_KNOBS and rest.startswith("="):
        return f"{mark or '++'}{root}.{first}{rest}"
    return arg
