"""Config groups in the language of edits: ``model@set=big`` picks an option where ``model`` is a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autoloop.edits import find, parse_edit
from autoloop.edits._path import look_up
from autoloop.errors import EditError


class GroupedConfig(dict[str, Any]):
    """A config as plain values that knows which options of config groups it was made of.

    Attributes:
        options: Config group -> the option that was chosen, None where none was.
    """

    def __init__(self, config: Mapping[str, Any], options: Mapping[str, str | None]) -> None:
        super().__init__(config)
        self.options = dict(options)


def options_of(config: Mapping[str, Any]) -> Mapping[str, str | None]:
    """Which options of config groups a config was made of; empty where it does not know."""
    options: Mapping[str, str | None] = getattr(config, "options", {})
    return options


def is_pick(edit: str, config: Mapping[str, Any]) -> bool:
    """Whether an edit picks an option of a config group.

    It does if it sets a group, not a value of that name, to a text. One that cannot be read picks nothing.
    """
    try:
        read = parse_edit(edit)
    except EditError:
        return False
    if read.op != "set" or not isinstance(read.operand, str) or read.path not in options_of(config):
        return False
    return all(isinstance(look_up(config, keys), (Mapping, list)) for keys in find(read.path, config))


def split_picks(edits: Iterable[str], config: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Tell what edits pick, as group -> option, from the other edits, which stay in their order."""
    picks: dict[str, str] = {}
    others: list[str] = []
    for edit in edits:
        if is_pick(edit, config):
            picks[parse_edit(edit).path] = str(parse_edit(edit).operand)
        else:
            others.append(edit)
    return picks, others
