"""Building HTML and SVG so that text can never become markup: `el` escapes whatever is not `Markup`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from autoloop.views.report.text import clean

VOID = frozenset({"meta", "br", "rect", "circle", "line", "path"})  # elements written without a closing tag
HARMLESS = re.compile(r"[ !#$%()*+,\-./:;=?@\[\\\]^_`{|}~0-9A-Za-z]*")  # nothing to escape, all to be seen
URL = re.compile(r"https?://[^\s<>\"'`\\\x00-\x20\x7f-\x9f]+")


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


Content = str | float | None


def el(name: str, /, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """Return one element.

    Args:
        name: Its tag.
        content: `Markup` is taken as it is, everything else is escaped; None is left out.
        attributes: ``class_`` is written ``class``, other underscores become hyphens; None and False are
            left out.
    """
    start = f"<{name}" + "".join(_attribute(key, item) for key, item in attributes.items())
    if name in VOID and not any(content):
        return Markup(start + ("/>" if name not in ("meta", "br") else ">"))
    return Markup(f"{start}>{join(content)}</{name}>")


def join(parts: Iterable[Content], separator: str = "") -> Markup:
    """Return all parts as markup, escaping those that are not."""
    return Markup(separator.join(_safe(part) for part in parts if part is not None))


def file_link(path: str, label: str | None = None) -> Markup:
    """Return a link from ``reports/`` to a file of the study; plain text for a path that leads elsewhere."""
    shown = el("code", label or path)
    if not path or path.startswith("/") or ".." in path.split("/") or clean(path) != path:
        return shown
    return el("a", shown, href="../" + quote(path))


def web_link(url: str, label: str) -> Markup:
    """Return a link to a web page; plain text for anything but a clean http(s) address."""
    if URL.fullmatch(url) is None:
        return el("code", url)
    return el("a", label, href=url, rel="noopener noreferrer")


def _attribute(name: str, item: str | float | bool | None) -> str:
    if item is None or item is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if item is True else f' {name}="{_safe(item)}"'


def _safe(part: Content) -> str:
    if isinstance(part, Markup):
        return part
    text = str(part)
    return text if HARMLESS.fullmatch(text) else escape(clean(text, keep_lines=True))
