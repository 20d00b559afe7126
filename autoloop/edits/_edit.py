"""One edit, ``path@op=operand``, read from text and written back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NoReturn

from autoloop.edits._literal import LiteralError, format_literal, parse_literal
from autoloop.edits._number import is_number
from autoloop.edits._path import Segment, describe, parse_path
from autoloop.errors import EditError, did_you_mean, nearest

#: What each op makes of every place that the path matches.
OPS: Final = {
    "set": "becomes the value",
    "mul": "is multiplied by the value",
    "add": "grows by the value (shrinks where it is negative)",
    "min": "becomes at most the value",
    "max": "becomes at least the value",
}

_PATH = re.compile(r"""(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^@='"])*""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of every place in a config that a path matches.

    ``str(edit)`` is text that `parse_edit` reads back to an equal edit.

    Attributes:
        path: Keys and list indices joined by dots; ``*`` matches all items or all keys at its place.
        op: One of ``set``, ``mul``, ``add``, ``min`` (at most), ``max`` (at least).
        operand: A finite number, or for ``set`` any value that JSON has.

    Raises:
        EditError: The three do not make an edit.
    """

    path: str
    op: str
    operand: Any

    def __post_init__(self) -> None:
        path, op, _ = _read(str(self))
        if (path, op) != (self.path, self.op):
            raise EditError.at(
                "cannot read", str(self), 0, f"{self.path!r} is not a path; put its keys in quotes"
            )

    def __str__(self) -> str:
        try:
            return f"{self.path}@{self.op}={format_literal(self.operand, quoted_keys=True)}"
        except LiteralError as error:
            raise EditError.at("cannot write", f"{self.path}@{self.op}", 0, error.why) from None

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The steps of the path."""
        return parse_path(self.path)


def parse_edit(text: str) -> Edit:
    """Read ``path@op=operand``.

    >>> parse_edit("ot.loss_config.features.*.weight_label@mul=0.5")
    Edit(path='ot.loss_config.features.*.weight_label', op='mul', operand=0.5)

    Raises:
        EditError: The text is no edit; ``position`` is where it stops being one.
    """
    return Edit(*_read(text.strip()))


def _read(text: str) -> tuple[str, str, Any]:
    """Return path, op and operand of an edit, or say at which character it goes wrong."""
    found = _PATH.match(text)
    path_end = found.end() if found else 0
    path, rest = text[:path_end], text[path_end:]
    if rest[:1] in ("'", '"'):
        _refuse(text, path_end, f"this quote never closes; add {rest[0]} at the end")
    try:
        parse_path(path)
    except LiteralError as error:
        _refuse(text, error.position, error.why)
    if not rest.startswith("@"):
        written = f"; write {path}@set{rest}" if rest.startswith("=") else ""
        _refuse(text, path_end, f"an edit is path@op=value and the op is missing{written}")
    op, equals, operand_text = rest[1:].partition("=")
    if op not in OPS:
        why = f"unknown op '{op}'{did_you_mean(op, OPS)} (the ops are {', '.join(OPS)})"
        _refuse(text, path_end + 1, why, nearest(op, OPS))
    if not equals:
        _refuse(text, len(text), f"the value is missing; write {path}@{op}=value")
    return path, op, _read_operand(text, op, operand_text)


def _read_operand(text: str, op: str, operand_text: str) -> Any:
    """Return the operand of the edit ``text``, checked against what its op needs."""
    start = len(text) - len(operand_text)
    try:
        operand = parse_literal(operand_text)
    except LiteralError as error:
        _refuse(text, start + error.position, error.why)
    if op != "set" and not is_number(operand):
        _refuse(text, start, f"@{op} needs a number; this is {describe(operand)}")
    return operand


def _refuse(text: str, position: int, why: str, close: str | None = None) -> NoReturn:
    raise EditError.at("cannot read", text, position, why, close)


@lru_cache(maxsize=4096)  # the same few edits, for every trial of a study
def path_of(edit: str) -> str:
    """Return the path of an edit string.

    Raises:
        EditError: The edit cannot be read.
    """
    return parse_edit(edit).path
