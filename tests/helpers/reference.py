"""Reference pages made of docstrings: one section for each class, with its settings and their defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from importlib import import_module
from inspect import isclass
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import yaml

from tests.helpers.places import CONF


def classes_in(package: ModuleType, base: type[Any], aside: Collection[type[Any]] = ()) -> list[type[Any]]:
    """Return the classes of a base that the modules of a package define, by name.

    Args:
        package: The package.
        base: The class they derive from.
        aside: Those that are no choice of a user's.
    """
    names = [f"{package.__name__}.{found.name}" for found in iter_modules(package.__path__)]
    own = [(kind, name) for name in names for kind in vars(import_module(name)).values() if isclass(kind)]
    found = {kind for kind, name in own if issubclass(kind, base) and kind.__module__ == name}
    return sorted(found - {base, *aside}, key=lambda kind: kind.__name__)


def shipped_files(group: str) -> list[str]:
    """Return the names of the files of a config group that are not empty, in their order."""
    files = sorted((CONF / group).glob("*.yaml"))
    return [file.stem for file in files if yaml.safe_load(file.read_text())]


def reference(kind: type[Any]) -> str:
    """Return the section of one class: its docstring, and its settings with their defaults."""
    text = (inspect.getdoc(kind) or "").partition("\nArgs:\n")[0]
    parameters = inspect.signature(kind).parameters
    lines = [f"### {kind.__name__}", "", _marked(text).strip(), ""]
    lines += ["| setting | default | meaning |", "|---|---|---|"]
    for name, meaning in settings_of(kind).items():
        default = parameters[name].default
        shown = "required" if default is inspect.Parameter.empty else f"`{_plain(default)}`"
        lines.append(f"| `{name}` | {shown} | {_marked(meaning, in_table=True)} |")
    return "\n".join(lines)


def _plain(default: Any) -> str:
    value = list(default) if isinstance(default, tuple) else default
    return yaml.safe_dump(value, default_flow_style=True, width=1000).partition("\n")[0]


def _marked(text: str, in_table: bool = False) -> str:
    """Return text of a docstring as Markdown."""
    marked = re.sub(r"``([^`]*)``", r"`\1`", text)
    return marked.replace("|", "\\|") if in_table else marked


def settings_of(kind: type[Any]) -> dict[str, str]:
    """Return what the docstring of a class says of each setting."""
    text = (inspect.getdoc(kind) or "").partition("\nArgs:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", meaning) for name, meaning in found}


def filled(page: Path, sections: Mapping[str, str]) -> str:
    """Return a page with its made parts, between ``<!-- name:begin -->`` and ``end``, filled in."""
    text = page.read_text()
    for name, made in sections.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        head, _, rest = text.partition(begin)
        text = head + begin + "\n\n" + made + "\n\n" + end + rest.partition(end)[2]
    return text
