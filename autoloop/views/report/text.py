"""Values, names and curves as text that no reader can mistake and no renderer can misread."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from autoloop.study.compare import signed_percent

MISSING = "—"
BARS = "▁▂▃▄▅▆▇█"

_MARKDOWN_SPECIAL = re.compile(r"[\\`*\[\]<>|~&$!]|(?<!\w)_|_(?!\w)|^[-+=#](?![\w.])|^\d+(?=[.)](?:\s|$))")
#: What a formula begins with in some spreadsheet; the last four are the full-width forms of the first.
_FORMULA = tuple("=+-@\t\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|nan)")
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # control, format (bidi overrides), surrogates, line separators


def clean(text: object, keep_lines: bool = False) -> str:
    r"""Return ``text`` with every invisible or control character written out, as in ``\x1b``.

    Args:
        text: Anything; its ``str`` is taken.
        keep_lines: Keep line feeds and tabs (for logs); otherwise they become spaces.
    """
    source = str(text).replace("\r\n", "\n")
    if source.isascii() and source.isprintable():
        return source
    return "".join(_visible(character, keep_lines) for character in source)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with ``digits`` significant digits (whole up to a million); a dash for None and NaN."""
    if value is None or math.isnan(value):
        return MISSING
    if 10**digits <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def percent(value: float | None) -> str:
    """Return a signed change in percent (``-19.8 %``); a dash for None and NaN."""
    if value is None or math.isnan(value):
        return MISSING
    return signed_percent(value)


def value(item: Any, limit: int = 80) -> str:
    """Return a config value as one short line: numbers with 6 digits, the rest as JSON.

    Args:
        item: Plain data: None, bool, number, string, list or mapping.
        limit: Most characters; the middle of a longer text is left out.
    """
    if isinstance(item, float):
        return f"{item:.6g}"
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str)
    return shorten(clean(text), limit)


def shorten(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters, its middle replaced by an ellipsis."""
    if len(text) <= limit:
        return text
    head = (limit - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def facts_of(evidence: Any, limit: int = 400) -> str:
    """Return evidence as ``name = value, ...``; nested mappings become dotted names."""
    pairs = [f"{clean(name)} = {value(item)}" for name, item in _flat("", evidence)]
    return shorten(", ".join(pairs), limit)


def duration(seconds: float) -> str:
    """Return a time span in the two largest units that fit (``2 h 05 min``); a dash for NaN."""
    if math.isnan(seconds):
        return MISSING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{max(seconds, 0.0):.3g} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def sparkline(values: Sequence[float], width: int = 16) -> str:
    """Return a curve as block characters, low to high; ``·`` stands for a value that is not finite.

    Args:
        values: The curve, shape (n,); every ``n / width``-th value is drawn, the last one always.
        width: Most characters.
    """
    count = len(values)
    if count > width:
        values = [values[round(index * (count - 1) / (width - 1))] for index in range(width)]
    finite = [item for item in values if math.isfinite(item)]
    if not finite:
        return "·" * len(values)
    low, span = min(finite), max(finite) - min(finite)
    return "".join(_bar(item, low, span) for item in values)


def cell(item: Any) -> Any:
    """Return a value as a cell of a table for spreadsheets: no formula and nothing that a terminal obeys.

    A text that a spreadsheet would take for a formula begins with an apostrophe, as it is typed there;
    numbers, also those written as text, stay as they are.
    """
    if not isinstance(item, str):
        return item
    shown = clean(item, keep_lines=True)
    return f"'{shown}" if shown.startswith(_FORMULA) and not _NUMBER.fullmatch(shown) else shown


def md(text: object) -> str:
    """Return text for Markdown prose or a table cell: shown as written, never as markup."""
    return _MARKDOWN_SPECIAL.sub(lambda match: _escaped(match.group()), clean(text).strip())


def md_code(text: object, in_table: bool = False) -> str:
    """Return a Markdown code span that shows ``text`` exactly; empty text gives a dash."""
    plain = clean(text)
    if not plain.strip():
        return MISSING
    fence = "`" * (1 + _longest_run(plain))
    padding = " " if plain[0] in "` " or plain[-1] in "` " else ""
    span = f"{fence}{padding}{plain}{padding}{fence}"
    return span.replace("|", "\\|") if in_table else span


def md_block(text: object) -> list[str]:
    """Return the lines of a fenced Markdown block that shows ``text`` exactly."""
    plain = clean(text, keep_lines=True).strip("\n")
    fence = "`" * max(3, 1 + _longest_run(plain))
    return [f"{fence}text", *plain.split("\n"), fence]


def _visible(character: str, keep_lines: bool) -> str:
    if character in "\n\t":
        return character if keep_lines else " "
    if unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _bar(item: float, low: float, span: float) -> str:
    if not math.isfinite(item):
        return "·"
    return BARS[round((item - low) / span * (len(BARS) - 1))] if span > 0 else BARS[0]


def _flat(prefix: str, item: Any) -> list[tuple[str, Any]]:
    if not isinstance(item, dict):
        return [(prefix, item)]
    return [
        pair
        for key, inner in item.items()
        for pair in _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    ]


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _escaped(found: str) -> str:
    """Put the backslash where CommonMark wants it: before a mark, after a number that begins a list."""
    if found[-1].isdigit():
        return f"{found}\\"
    return f"{found[:-1]}\\{found[-1]}"
