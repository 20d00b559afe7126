"""docs/decisions.md shows every shipped stop rule as it is.

To write it anew run this file (`python -m tests.stopping.test_stop_reference`).
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import autoloop.stopping
from autoloop.stopping import StopRule
from tests.rules.test_rules_reference import _arguments, reference

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "decisions.md"
CLASSES: list[Any] = [
    kind
    for kind in map(vars(autoloop.stopping).get, autoloop.stopping.__all__)
    if inspect.isclass(kind) and issubclass(kind, StopRule) and kind is not StopRule
]


def shipped_sets() -> str:
    """Return a table of the shipped sets."""
    lines = ["| `stop_rules=` | rule | class | settings |", "|---|---|---|---|"]
    for choice in ("general", "act_ot"):
        config = yaml.safe_load((ROOT / "conf" / "stop_rules" / f"{choice}.yaml").read_text())
        for name, entry in config.items():
            kind = entry.pop("_target_").rpartition(".")[2]
            settings = "; ".join(f"{key} {value}" for key, value in entry.items()).replace("|", "\\|")
            lines.append(f"| {choice} | `{name}` | {kind} | {settings} |")
    return "\n".join(lines)


def page() -> str:
    """Return the page with its made parts filled in."""
    text = PAGE.read_text()
    made = {"sets": shipped_sets(), "classes": "\n\n".join(map(reference, CLASSES))}
    for name, part in made.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        head, _, rest = text.partition(begin)
        text = head + begin + "\n\n" + part + "\n\n" + end + rest.partition(end)[2]
    return text


def test_the_page_is_as_the_code_says() -> None:
    assert page() == PAGE.read_text()


@pytest.mark.parametrize("kind", CLASSES)
def test_every_setting_of_a_stop_rule_is_described(kind: Any) -> None:
    described = _arguments((inspect.getdoc(kind) or "").partition("\nArgs:\n")[2])
    assert list(described) == list(inspect.signature(kind).parameters)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_stop_rule_says_when_it_is_wrong_to_use(kind: Any) -> None:
    assert re.search(r"Wrong to use", inspect.getdoc(kind) or "")


if __name__ == "__main__":
    PAGE.write_text(page())
