"""Values as text: Hydra's value grammar read and written without importing Hydra."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Lists and mappings nested deeper than this are refused.
_MAX_DEPTH = 32
#: Whole numbers with more digits than a float can reach are refused.
_MAX_DIGITS = 308
#: What a backslash takes the meaning from, as in Hydra's grammar.
_ESCAPABLE = "\\()[]{}:=, \t"
_QUOTES = "'\""

_INT_UNSIGNED = r"(?:0|[1-9](?:_?[0-9])*)"
_POINT = rf"(?:{_INT_UNSIGNED}\.|{_INT_UNSIGNED}?\.[0-9](?:_?[0-9])*)"
_EXPONENT = rf"(?:(?:{_POINT}|{_INT_UNSIGNED})[eE][+-]?[0-9](?:_?[0-9])*)"
_INT = re.compile(rf"[+-]?{_INT_UNSIGNED}")
_FLOAT = re.compile(rf"[+-]?(?:{_EXPONENT}|{_POINT}|[Ii][Nn][Ff]|[Nn][Aa][Nn])")
_WORDS = {"true": True, "false": False, "null": None}

#: A quote with all backslashes before it, and the backslashes at the end of a text.
_BEFORE_QUOTE = {mark: re.compile(rf"(?<!\\)(\\*){mark}") for mark in _QUOTES}
_AT_END = re.compile(r"(?<!\\)\\+\Z")

#: Texts that Hydra reads as themselves without quotes.
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
#: Keys of a mapping, which Hydra never lets stand in quotes.
_KEY = re.compile(r"[A-Za-z0-9_/\-\\+.$%*@?|()\[\]{}:=, \t]+")


class LiteralError(ValueError):
    """A value that cannot be read or written.

    Attributes:
        why: The reason as one sentence.
        position: Index of the offending character in the text that was read (0 when writing).
    """

    def __init__(self, why: str, position: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.position = position


def parse_literal(text: str) -> Any:
    """Read a value as Hydra's grammar reads it: number, true, false, null, text, list or mapping.

    Beyond Hydra's grammar, keys of a mapping may stand in quotes, and plain text may hold any character
    that has no meaning of its own.

    Raises:
        LiteralError: The text is no single finite value.
    """
    reader = _Reader(text)
    value = reader.element(depth=0, stops=",")
    if reader.peek() == ",":
        why = "a comma makes variants on the command line; here put a list in [..] and a text in quotes"
        raise LiteralError(why, reader.pos)
    if reader.pos < len(text):
        raise LiteralError(f"nothing may follow the value; found {text[reader.pos]!r}", reader.pos)
    return value


def split_commas(text: str) -> list[str]:
    """Split ``text`` at the commas that stand outside quotes, brackets and ``${...}``."""
    parts, start, depth, quote, pos = [], 0, 0, "", 0
    while pos < len(text):
        char = text[pos]
        if char == "\\":
            pos += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in _QUOTES:
            quote = char
        elif char == "," and depth == 0:
            parts.append(text[start:pos])
            start = pos + 1
        else:
            depth = max(0, depth + (char in "[{(") - (char in "]})"))
        pos += 1
    return [*parts, text[start:]]


def format_literal(value: Any, *, quoted_keys: bool = False) -> str:
    """Write ``value`` so that Hydra, and `parse_literal`, read the same value with the same types.

    Args:
        value: None, bool, int, float, str, or a list or mapping of these.
        quoted_keys: Allow keys in quotes, which `parse_literal` reads and Hydra does not.

    Raises:
        LiteralError: A key that Hydra's grammar cannot write, or a value of another type.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return value if _BARE.fullmatch(value) and isinstance(_typed(value), str) else quote(value)
    if isinstance(value, Mapping):
        pairs = (
            f"{_format_key(key, quoted_keys)}:{format_literal(item, quoted_keys=quoted_keys)}"
            for key, item in value.items()
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(format_literal(item, quoted_keys=quoted_keys) for item in value) + "]"
    raise LiteralError(f"a value of type {type(value).__name__} cannot be written as text")


def quote(text: str) -> str:
    """Return ``text`` in single quotes; only backslashes before a quote are doubled, as Hydra reads them."""
    escaped = _BEFORE_QUOTE["'"].sub(lambda found: found[1] * 2 + "\\'", text)
    return "'" + _AT_END.sub(lambda found: found[0] * 2, escaped) + "'"


def unquote(text: str, start: int) -> tuple[str, int]:
    """Read the quoted text that opens at ``start``; return it with the index after its closing quote.

    Raises:
        LiteralError: The quote never closes.
    """
    mark, parts, last = text[start], [], start + 1
    for found in _BEFORE_QUOTE[mark].finditer(text, start + 1):
        slashes = len(found[1])
        parts.append(text[last : found.start()] + "\\" * (slashes // 2))
        last = found.end()
        if slashes % 2 == 0:
            return "".join(parts), last
        parts.append(mark)
    raise LiteralError(f"this quote never closes; add {mark} at the end", start)


def is_interpolation(value: object) -> bool:
    """Whether ``value`` is text that Hydra resolves to something else (``${...}``)."""
    return isinstance(value, str) and "${" in value


def _typed(text: str) -> Any:
    """Return the number, bool or None that Hydra reads in plain ``text``, or the text itself."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return _whole(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _whole(text: str) -> int:
    """Return the int that ``text`` spells, within what a float can reach."""
    if len(text) > _MAX_DIGITS:
        raise LiteralError(f"a number of {len(text)} digits is too large")
    return int(text)


def _format_key(key: object, quoted_keys: bool) -> str:
    """Write a key of a mapping, in quotes only where they are allowed and needed."""
    if key is None:
        raise LiteralError("null cannot be a key")
    if not isinstance(key, str):
        return format_literal(key)
    plain = isinstance(_typed(key), str)
    if quoted_keys:
        return key if plain and _BARE.fullmatch(key) else quote(key)
    if not plain or not _KEY.fullmatch(key):
        raise LiteralError(f"the key {key!r} cannot be written in a Hydra override")
    return "".join("\\" + char if char in _ESCAPABLE else char for char in key)


@dataclass
class _Reader:
    """A cursor over the text of one value."""

    text: str
    pos: int = 0

    def peek(self) -> str:
        """Return the next character, or an empty string at the end."""
        return self.text[self.pos : self.pos + 1]

    def skip_space(self) -> None:
        """Move past spaces and tabs."""
        while self.peek() and self.peek() in " \t":
            self.pos += 1

    def element(self, depth: int, stops: str) -> Any:
        """Read one value that ends before any of ``stops`` or at the end of the text."""
        if depth > _MAX_DEPTH:
            raise LiteralError(f"nested deeper than {_MAX_DEPTH} levels", self.pos)
        self.skip_space()
        start, char = self.pos, self.peek()
        if char == "[":
            value: Any = self._list(depth)
        elif char == "{":
            value = self._mapping(depth)
        elif char and char in _QUOTES:
            value, self.pos = unquote(self.text, start)
        else:
            value = self._plain(stops)
        self.skip_space()
        return _checked(value, start)

    def _list(self, depth: int) -> list[Any]:
        start = self.pos
        items: list[Any] = []
        self.pos += 1
        while not self._closes("]", start, first=not items):
            items.append(self.element(depth + 1, ",]"))
        return items

    def _mapping(self, depth: int) -> dict[Any, Any]:
        start = self.pos
        items: dict[Any, Any] = {}
        self.pos += 1
        while not self._closes("}", start, first=not items):
            self.skip_space()
            at = self.pos
            key = self._key()
            if key in items:
                raise LiteralError(f"the key {key!r} appears twice", at)
            items[key] = self.element(depth + 1, ",}")
        return items

    def _closes(self, bracket: str, start: int, *, first: bool) -> bool:
        """Read the closing bracket, or the comma before the next item."""
        self.skip_space()
        char = self.peek()
        if char == bracket:
            self.pos += 1
            return True
        if not char:
            raise LiteralError(f"this bracket never closes; add {bracket} at the end", start)
        if first:
            return False
        if char != ",":
            raise LiteralError(f"expected ',' or '{bracket}', found {char!r}", self.pos)
        self.pos += 1
        return False

    def _key(self) -> Any:
        """Read a key of a mapping and its colon."""
        start = self.pos
        if self.peek() and self.peek() in _QUOTES:
            key, self.pos = unquote(self.text, start)
        else:
            key = self._plain(":,}")
        self.skip_space()
        if self.peek() != ":":
            raise LiteralError("a key of a mapping needs ':' and a value after it", self.pos)
        self.pos += 1
        if key is None:
            raise LiteralError("null cannot be a key", start)
        return _checked(key, start)

    def _plain(self, stops: str) -> Any:
        """Read text without quotes up to one of ``stops``; typed where it spells a number or a word."""
        start, parts = self.pos, []
        while (char := self.peek()) and char not in stops:
            part = self._piece(char)
            parts.append(part)
        end = len(parts)
        while end and parts[end - 1] in (" ", "\t"):
            end -= 1
        if not end:
            raise LiteralError("a value is missing here; write '' for an empty text", start)
        text = "".join(parts[:end])
        if any(len(part) == 2 and part[0] == "\\" for part in parts):
            return "".join(part[1:] if len(part) == 2 and part[0] == "\\" else part for part in parts[:end])
        try:
            return _typed(text)
        except LiteralError as error:
            raise LiteralError(error.why, start) from None

    def _piece(self, char: str) -> str:
        """Read one character of plain text, an escaped character, or a whole ``${...}``."""
        start = self.pos
        if self.text.startswith("${", start):
            self.pos = _interpolation_end(self.text, start)
        elif char == "\\" and (following := self.text[start + 1 : start + 2]) and following in _ESCAPABLE:
            self.pos += 2
        elif char in "()[]{}'\"":
            raise LiteralError(f"put a text that holds {char} in quotes", start)
        else:
            self.pos += 1
        return self.text[start : self.pos]


def _interpolation_end(text: str, start: int) -> int:
    """Return the index after the brace that closes the ``${`` at ``start``."""
    depth = 0
    for pos in range(start + 1, len(text)):
        depth += (text[pos] == "{") - (text[pos] == "}")
        if depth == 0:
            return pos + 1
    raise LiteralError("this ${ never closes; add } at the end", start)


def _checked(value: Any, start: int) -> Any:
    """Return a value that was read, unless it is one that no config should be given."""
    if isinstance(value, float) and not math.isfinite(value):
        raise LiteralError("NaN, infinity and numbers too large for a float cannot be used", start)
    if value == "???":
        raise LiteralError("??? means 'missing' to Hydra and cannot be set", start)
    if isinstance(value, str):
        _check_interpolations(value, start)
    return value


def _check_interpolations(text: str, start: int) -> None:
    """Refuse text in which a ``${`` never closes."""
    pos = text.find("${")
    try:
        while pos >= 0:
            pos = text.find("${", _interpolation_end(text, pos))
    except LiteralError as error:
        raise LiteralError(error.why, start) from None
