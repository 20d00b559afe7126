"""docs/decisions.md shows every shipped stop rule as it is.

To write it anew run this file (`python -m tests.stopping.test_stop_reference`).
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
import yaml

import autoloop.stopping
from autoloop.stopping import StopRule
from tests.helpers.places import ROOT
from tests.helpers.reference import classes_in, filled, reference, settings_of, shipped_files

PAGE = ROOT / "docs" / "decisions.md"
CLASSES: list[Any] = classes_in(autoloop.stopping, StopRule)


def shipped_sets() -> str:
    """Return a table of the shipped sets."""
    lines = ["| `stop_rules=` | rule | class | settings |", "|---|---|---|---|"]
    for choice in shipped_files("stop_rules"):
        config = yaml.safe_load((ROOT / "conf" / "stop_rules" / f"{choice}.yaml").read_text())
        for name, entry in config.items():
            kind = entry.pop("_target_").rpartition(".")[2]
            settings = "; ".join(f"{key} {value}" for key, value in entry.items()).replace("|", "\\|")
            lines.append(f"| {choice} | `{name}` | {kind} | {settings} |")
    return "\n".join(lines)


def sections() -> dict[str, str]:
    """Return the made parts of the page by the name in their markers."""
    return {"sets": shipped_sets(), "classes": "\n\n".join(map(reference, CLASSES))}


def test_the_page_is_as_the_code_says() -> None:
    assert filled(PAGE, sections()) == PAGE.read_text()


@pytest.mark.parametrize("kind", CLASSES)
def test_every_setting_of_a_stop_rule_is_described(kind: Any) -> None:
    assert list(settings_of(kind)) == list(inspect.signature(kind).parameters)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_stop_rule_says_when_it_is_wrong_to_use(kind: Any) -> None:
    assert re.search(r"Do not use it", inspect.getdoc(kind) or "")


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE, sections()))
