"""Variants: named lists of edits, how users write them, and the signature that tells two apart."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from autoloop.edits import OPS, Constant, LiteralError, ValueChange, find, format_literal, parse_edit, plain
from autoloop.errors import ConfigError, EditError, did_you_mean

#: Characters of a name that is made of edits or given by a user.
_MAX_NAME = 60
#: What a variant in mapping form may hold beside its edits.
_ENTRY_KEYS = ("name", "edits", "reason")


@dataclass(frozen=True, slots=True)
class Variant:
    """A named change of a parent's config that has not run yet.

    Attributes:
        name: Unique within its study and safe as a directory name.
        edits: The edits on the parent's config, as text.
        parent: The name of the variant whose config was edited; None for a baseline.
        rule: Who proposed it: a rule's name, or ``baseline``, ``variants``, ``sweep``.
        reason: Why it is worth a job, as one sentence.
        evidence: The numbers that led to it: ``{name: value}``.
        expects: What its curves should show if the reason holds; may be empty.
        overrides: The Hydra override strings that make its config.
        config: The whole config it runs with, as plain dicts and lists.
        signature: `signature` of that config.
        changes: Every place where its config differs from the parent's.
        notes: What happened on the way, as sentences: rounded, clipped, skipped.
    """

    name: str
    edits: tuple[str, ...]
    parent: str | None
    rule: str
    reason: str
    evidence: Mapping[str, Any]
    expects: str
    overrides: tuple[str, ...]
    config: Mapping[str, Any]
    signature: str
    changes: tuple[ValueChange, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.name != safe_name(self.name):
            raise ConfigError(f"{self.name!r} is no name for a variant; use {safe_name(self.name)!r}")
        if not self.reason.strip():
            raise ConfigError(f"variant {self.name!r} needs a reason")


@dataclass(frozen=True, slots=True)
class Entry:
    """A variant as a user wrote it.

    Attributes:
        name: The label made unique and safe as a directory name.
        label: The name as it was written; the edits where none was.
        edits: Its edits as text, each one readable by `parse_edit`.
        reason: Why the user wants it; may be empty.
    """

    name: str
    label: str
    edits: tuple[str, ...]
    reason: str = ""


def signature(config: Mapping[str, Any], ignore: Iterable[str] = ()) -> str:
    """Return a hash (SHA-256, hexadecimal) that is equal for configs that mean the same.

    The order of keys does not matter, and numbers of equal value are equal (1 and 1.0, not 1 and true).

    Args:
        config: A resolved config.
        ignore: Path patterns of places that do not count, such as ``output_dir``.
    """
    bare = plain(config)
    for pattern in ignore:
        for keys in find(pattern, bare):
            _blank(bare, keys)
    return hashlib.sha256(_text(bare).encode()).hexdigest()


def _text(value: Any) -> str:
    """The JSON text of a value in its one form; that of a constant is written once."""
    if isinstance(value, Constant):
        if "text" not in value.made:
            value.made["text"] = _dumped(value)
        return str(value.made["text"])
    if isinstance(value, Mapping) and any(isinstance(item, Mapping | Constant) for item in value.values()):
        items = {_key(key): item for key, item in value.items()}
        return "{" + ",".join(f"{json.dumps(key)}:{_text(items[key])}" for key in sorted(items)) + "}"
    return _dumped(value)


def _dumped(value: Any) -> str:
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"))


def _key(key: Any) -> str:
    return key if isinstance(key, str) else f"{key!r}"


def _blank(node: Any, keys: Sequence[Any]) -> None:
    """Take one place out of a config; a list keeps its length."""
    for key in keys[:-1]:
        if isinstance(node[key], Constant):
            node[key] = node[key].bare()
        node = node[key]
    if isinstance(node, list):
        node[keys[-1]] = None
    else:
        del node[keys[-1]]


def _canonical(value: Any) -> Any:
    """Return ``value`` in the one form that JSON writes for all values equal to it."""
    if isinstance(value, Mapping):
        return {_key(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"float": repr(value)}
        return int(value) if value.is_integer() else value
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def parse_variants(value: Any) -> dict[str, tuple[str, ...]]:
    """Return ``{name: edits}`` of whatever a user wrote under ``variants``; see `parse_entries`."""
    return {entry.name: entry.edits for entry in parse_entries(value)}


def parse_entries(value: Any) -> tuple[Entry, ...]:
    """Read the variants a user wrote, in any of their forms.

    A mapping gives each variant its name: ``{reg_tau: {ot.reg@mul: 1.5, reason: ..}}``,
    ``{reg_tau: ["ot.reg@mul=1.5"]}`` or ``{reg_tau: "ot.reg@mul=1.5"}``; the keys of a path may also be
    nested mappings. In a list every item is one variant: an edit, a list of edits, or a mapping, which may
    hold ``name``, ``edits`` and ``reason``. Names are made of the edits where none is given.

    Raises:
        ConfigError: Something that is no variant stands there.
        EditError: An edit of a variant cannot be read.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    if isinstance(value, Mapping):
        found = [_read_entry(item, str(key)) for key, item in value.items()]
    elif isinstance(value, Sequence):
        found = [_read_entry(item, None) for item in value]
    else:
        _refuse("variants", value, "a mapping {name: edits} or a list of edits")
    names = unique_names(entry.label for entry in found)
    return tuple(
        Entry(name, entry.label, entry.edits, entry.reason) for name, entry in zip(names, found, strict=True)
    )


def parse_edits(value: Any, where: str = "edits") -> tuple[str, ...]:
    """Return the edits of one variant, or of the baseline, as texts that `parse_edit` reads.

    Args:
        value: One edit, a list of edits, or a mapping ``{path@op: value}`` that may be nested.
        where: What the value belongs to, for messages.

    Raises:
        ConfigError: ``value`` is something else.
        EditError: An edit cannot be read.
    """
    texts = edit_texts(value, where)
    for text in texts:
        _check(text, where)
    return texts


def edit_texts(value: Any, where: str = "edits") -> tuple[str, ...]:
    """Return what `parse_edits` returns, unread; comma lists are left for `argv.split_sweep`."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value.strip(),)
    if isinstance(value, Mapping):
        return tuple(_texts_of_mapping(value, "", where))
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        _refuse(where, value, "an edit path@op=value, a list of edits or a mapping {path@op: value}")
    return tuple(text for item in value for text in _texts_of_item(item, where))


def name_of_edits(edits: Iterable[str]) -> str:
    """Return a readable label such as ``reg_mul_1.5-tau_src_set_2.0`` for edits that can be read."""
    parts = []
    for edit in map(parse_edit, edits):
        names = [step.name for step in edit.segments if not step.is_wildcard] or ["all"]
        value = re.sub(r"[^A-Za-z0-9.-]+", "_", format_literal(edit.operand, quoted_keys=True)).strip("_")
        parts.append(f"{names[-1]}_{edit.op}_{value}")
    return "-".join(parts)


def safe_name(label: str) -> str:
    """Return ``label`` with only letters, digits and ``_ . -``, short enough for a directory."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", label).strip("_.-")[:_MAX_NAME].rstrip("_.-") or "variant"


def unique_names(labels: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a safe name for each label; names that meet get ``_2``, ``_3`` ..."""
    used, names = set(taken), []
    for label in labels:
        name = free_name(label, used)
        used.add(name)
        names.append(name)
    return names


def free_name(label: str, taken: Container[str]) -> str:
    """Return a safe name for a label: the label, or the first of ``label_2``, ``label_3`` ... not taken."""
    return free_number(label, taken)[0]


def free_number(label: str, taken: Container[str], number: int = 1) -> tuple[str, int]:
    """Return such a name and its number, 1 for the label itself; smaller numbers than one are not tried."""
    stem = safe_name(label)
    name = stem if number == 1 else with_suffix(stem, f"_{number}")
    while name in taken:
        number += 1
        name = with_suffix(stem, f"_{number}")
    return name, number


def with_suffix(name: str, suffix: str) -> str:
    """Return a name with a suffix, cut before it where both together are too long."""
    return f"{name[: _MAX_NAME - len(suffix)]}{suffix}"


def _read_entry(item: Any, label: str | None) -> Entry:
    """Read one variant; its name is not unique yet."""
    where = "a variant" if label is None else f"variant '{label}'"
    reason = ""
    if isinstance(item, Mapping):
        item = dict(item)
        reason = _pop_text(item, "reason", where)
        label = _pop_text(item, "name", where) or label
        _check_entry_keys(item, where)
        edits = parse_edits(item.pop("edits", None), where) + parse_edits(item, where)
    else:
        edits = parse_edits(item, where)
    if not edits:
        raise ConfigError(f"{where} has no edits; write at least one path@op=value")
    label = label or name_of_edits(edits)
    return Entry(safe_name(label), label, edits, reason)


def _pop_text(item: dict[Any, Any], key: str, where: str) -> str:
    """Take the text under ``key`` out of a variant."""
    value = item.pop(key, "")
    if not isinstance(value, str):
        _refuse(f"{key} of {where}", value, "a text")
    return value


def _check_entry_keys(item: Mapping[Any, Any], where: str) -> None:
    """Refuse keys that are neither an edit, nor lead to one, nor have a meaning of their own."""
    for key, value in item.items():
        if key not in _ENTRY_KEYS and "@" not in str(key) and not isinstance(value, Mapping):
            hint = did_you_mean(str(key), _ENTRY_KEYS)
            wanted = f"write path@op: value (the ops are {', '.join(OPS)}), edits or reason"
            raise ConfigError(f"{where}: '{key}' is no edit{hint}; {wanted}")


def _texts_of_mapping(value: Mapping[Any, Any], prefix: str, where: str) -> list[str]:
    """Write the edits of a mapping ``{path@op: value}``, whose keys may also be spread over mappings."""
    texts: list[str] = []
    for key, item in value.items():
        path = f"{prefix}{key}"
        if "@" in str(key):
            texts.append(f"{path}={_literal(item, path, where)}")
        elif isinstance(item, Mapping):
            texts += _texts_of_mapping(item, f"{path}.", where)
        else:
            _check(f"{path}={_literal(item, path, where)}", where)
    return texts


def _texts_of_item(item: Any, where: str) -> list[str]:
    """Return the edits that one item of a list stands for."""
    if isinstance(item, str):
        return [item.strip()]
    if not isinstance(item, Mapping):
        _refuse(where, item, "a list of edits, each path@op=value in quotes")
    return _texts_of_mapping(item, "", where)


def _literal(value: Any, path: str, where: str) -> str:
    """Write a value that YAML or Hydra has already read."""
    try:
        return format_literal(value, quoted_keys=True)
    except LiteralError as error:
        raise ConfigError(f"{where}: the value of '{path}' cannot be used: {error.why}") from None


def _check(text: str, where: str) -> None:
    """Read an edit only to see that it can be read, and say where it stands if not."""
    try:
        parse_edit(text)
    except EditError as error:
        explained = type(error)(f"in {where}:\n{error}", error.text, error.position, error.nearest)
        explained.why = error.why
        raise explained from None


def _refuse(where: str, value: Any, wanted: str) -> NoReturn:
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    raise ConfigError(f"{where}: expected {wanted}, got {type(value).__name__} {shown}")
