"""docs/rules.md shows every shipped rule as it is.

To write it anew run this file (`python -m tests.rules.test_rules_reference`).
"""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

import autoloop.rules
from autoloop.rules import EditingRule, Rule
from autoloop.rules.names import KNOBS, METRICS
from tests.helpers.places import ROOT
from tests.helpers.reference import classes_in, filled, reference, settings_of, shipped_files

PAGE = ROOT / "docs" / "rules.md"
CLASSES: list[type[Rule]] = classes_in(autoloop.rules, Rule, aside=[EditingRule])


def sections() -> dict[str, str]:
    """Return the made parts of the page by the name in their markers."""
    sets = [shipped_set(choice) for choice in shipped_files("rules")]
    return {"names": names(), "sets": "\n\n".join(sets), "classes": "\n\n".join(map(reference, CLASSES))}


def names() -> str:
    """Return the table of the names that stand for several."""
    lines = ["| name | what an app may call it |", "|---|---|"]
    for name, patterns in {**KNOBS, **METRICS}.items():
        lines.append(f"| `{name}` | {', '.join(f'`{pattern}`' for pattern in patterns)} |")
    return "\n".join(lines)


def shipped_set(choice: str) -> str:
    """Return the table of one shipped set."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "conf" / "rules" / f"{choice}.yaml").read_text())
    lines = [f"### `rules={choice}`", "", "| rule | class | settings | edits |", "|---|---|---|---|"]
    for name, entry in config.items():
        class_name = entry["_target_"].rpartition(".")[2]
        settings = {k: v for k, v in entry.items() if k not in ("_target_", "edits", "expects")}
        shown = "; ".join(f"{key} {_short(value)}" for key, value in settings.items())
        lines.append(f"| `{name}` | {class_name} | {shown} | {_short(entry.get('edits', []))} |")
    return "\n".join(lines)


def _short(value: Any) -> str:
    if not isinstance(value, list):
        return f"{value}"
    few = [f"`{item}`" for item in value[:4]]
    return ", ".join(few) + (f" and {len(value) - 4} more names" if len(value) > 4 else "")


def test_the_page_is_as_the_code_says() -> None:
    assert filled(PAGE, sections()) == PAGE.read_text()


@pytest.mark.parametrize("kind", CLASSES)
def test_every_setting_of_a_rule_is_described(kind: type[Rule]) -> None:
    assert list(settings_of(kind)) == list(inspect.signature(kind).parameters)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_rule_says_when_it_stays_silent(kind: type[Rule]) -> None:
    assert re.search(r"stays\s+silent", inspect.getdoc(kind) or "", re.IGNORECASE)


def test_the_example_of_the_page_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "example.py").write_text(example)
    runpy.run_path(str(tmp_path / "example.py"))


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE, sections()))
