"""Configs as plain values: as they are written, as they resolve, and as edits and rules see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from enum import Enum
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from autoloop.config.knobs import SECTION
from autoloop.edits import overrides_between

#: Knobs of a study that say who looks at it, not what is trained.
ONLOOKERS = ("live", "notify")


def root_of(config: DictConfig) -> str | None:
    """The key under which a trainer's own config stands in an app's (``autoloop.root``), or None."""
    root = OmegaConf.select(config, "autoloop.root")
    return None if root is None else str(root)


def seen(app: Mapping[str, Any], root: str | None) -> dict[str, Any]:
    """The config that edits and rules see: the trainer's own at the top, where its user knows it.

    A key that the app has too (``seed``, ``wandb``) is the trainer's here.

    Args:
        app: The app's config.
        root: Where the trainer's config stands in it; None: the app's config is the trainer's.
    """
    if root is None:
        return dict(app)
    inner = dict(app[root] or {})
    return {**inner, **{key: value for key, value in app.items() if key != root and key not in inner}}


def placed(
    old: Mapping[str, Any], new: Mapping[str, Any], trainer_keys: Collection[str], root: str
) -> list[str]:
    """The Hydra overrides that lead from one seen config to another, each key where it stands in the app.

    Args:
        old: A config as `seen`.
        new: The same after edits.
        trainer_keys: Its top-level keys that are the trainer's.
        root: Where the trainer's config stands in the app's.
    """
    before, after = (_nested(config, trainer_keys, root) for config in (old, new))
    return overrides_between(before, after)


def _nested(config: Mapping[str, Any], trainer_keys: Collection[str], root: str) -> dict[str, Any]:
    outer = {key: value for key, value in config.items() if key not in trainer_keys}
    return {root: {key: value for key, value in config.items() if key in trainer_keys}, **outer}


def written(composed: DictConfig) -> dict[str, Any]:
    """The same as `app_config`, with nothing resolved: what the files and overrides say."""
    app = {key: composed._get_node(key) for key in composed if key != "hydra"}
    raw: dict[Any, Any] = {key: _raw(node) for key, node in app.items()}
    ours: Any = raw.get(SECTION)
    for key in ONLOOKERS if isinstance(ours, dict) else ():
        if ours.pop(key, None) == f"${{{key}}}":
            raw.pop(key, None)
    return raw


def _raw(node: Any) -> Any:
    """A node as it is written."""
    if OmegaConf.is_config(node):
        return OmegaConf.to_container(node, resolve=False, enum_to_str=True)
    value = node._value()
    return value.name if isinstance(value, Enum) else value


def app_config(composed: DictConfig) -> dict[str, Any]:
    """A composed config without its ``hydra`` node and without who looks on, as plain values.

    A study may be gone on with in another terminal, or with another ``notify.command``: a configuration is
    the same all the same.
    """
    copied: Any = deepcopy(composed)
    return without_onlookers(copied) if OmegaConf.is_config(copied) else copied


def without_onlookers(composed: DictConfig) -> dict[str, Any]:
    """The same of a config that is the caller's own, and is taken apart."""
    with read_write(composed), open_dict(composed):
        composed.pop("hydra", None)
        _drop_onlookers(composed)
    result = plain(composed)
    assert isinstance(result, dict)
    return result


def _drop_onlookers(config: DictConfig) -> None:
    """Take ``autoloop.live`` and ``autoloop.notify`` out, and the top-level key that one is a copy of."""
    ours = config.get("autoloop")
    if not isinstance(ours, DictConfig):
        return
    before = {key: _raw(node) for key in ONLOOKERS if (node := ours._get_node(key)) is not None}
    for key in ONLOOKERS:
        if ours.pop(key, None) is not None and before[key] == f"${{{key}}}":
            config.pop(key, None)


def plain(node: Any) -> Any:
    """A config node as dicts, lists and scalars; what cannot be resolved stays as it is written."""
    if not OmegaConf.is_config(node):
        return node
    try:
        return OmegaConf.to_container(node, resolve=True, enum_to_str=True)
    except OmegaConfBaseException:
        pass  # one value below cannot be resolved: take the node apart to keep the others
    raw = OmegaConf.to_container(node, resolve=False, enum_to_str=True)
    if isinstance(node, ListConfig):
        return [_child(node, index, raw) for index in range(len(node))]
    return {key: _child(node, key, raw) for key in node}


def _child(node: DictConfig | ListConfig, key: Any, raw: Any) -> Any:
    try:
        return plain(node[key])
    except OmegaConfBaseException:
        return raw[key]
