"""Config files of the user's, JSON or YAML: read and written without changing a type or the order of keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autoloop.errors import ConfigError

JSON, YAML = (".json",), (".yaml", ".yml")


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a config file; interpolations of a YAML file stay as they are written.

    Args:
        path: A ``.json``, ``.yaml`` or ``.yml`` file.

    Raises:
        ConfigError: It is not there, cannot be read, or holds no mapping.
    """
    if path.suffix not in (*JSON, *YAML):
        raise ConfigError(f"{path}: a config file ends in .json, .yaml or .yml")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read: {why}") from error
    content = _parse_json(text, path) if path.suffix in JSON else _parse_yaml(text, path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds a {type(content).__name__}; a config is a mapping of keys to values")
    return {str(key): value for key, value in content.items()}


def format_config(config: dict[str, Any], suffix: str) -> str:
    """Return a config as the text of a file with that suffix."""
    if suffix in JSON:
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(config))


def _parse_json(text: str, path: Path) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, path))
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1] if text.strip() else ""
        shown = f"\n    {line[:160]}\n    {' ' * (error.colno - 1)}^" if line and error.colno <= 160 else ""
        raise ConfigError(f"{path}, line {error.lineno}, column {error.colno}: {error.msg}{shown}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ConfigError(f"{path}: the key {twice!r} stands twice in one mapping; keep one of them")
    return found


def _parse_yaml(text: str, path: Path) -> Any:
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_container(OmegaConf.create(text), resolve=False) if text.strip() else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: {error.problem}") from error
    except (yaml.YAMLError, OmegaConfBaseException, RecursionError) as error:
        raise ConfigError(f"{path}: {str(error).splitlines()[0] if str(error) else 'cannot be read'}") from error
