"""The house: what stands where in ``autoloop/``, and that names which users write lead somewhere.

Who may import whom is `lint-imports`' to say; that importing the package and the plugins stays light is
tested in ``test_discovery.py``.
"""

from __future__ import annotations

import ast
import re
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoloop.config.knobs import SHARED
from tests.helpers.places import ROOT

HALL = ROOT / "autoloop"
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
FILES = [path for top in ("autoloop", "hydra_plugins") for path in sorted((ROOT / top).rglob("*.py"))]

ROOMS = [
    *("cli", "config", "curves", "edits", "engine", "history", "loop", "rules", "runner"),
    *("stopping", "store", "strategies", "study", "tasks", "views"),
]
NAMES = ["callbacks.py", "metrics.py", "summary.py"]
"""Doors for names that users import."""
COMMANDS = ["analyze_offline.py", "analyze_wandb.py", "generate_and_run.py"]
"""Doors for commands that users give."""
HALL_ITSELF = ["__init__.py", "__main__.py", "conf", "errors.py", "py.typed", "testing.py", "train.py"]

PUBLIC = {
    "callbacks": "RoundCallback",
    "curves": "Change Level area finite head level median relative_change slope spikes tail time_per_step",
    "edits": "Edit apply change expand parse_edit",
    "errors": "AutoloopError ConfigError EditError JournalError",
    "history": "History HistoryReader RunRecord Series find_runs read_histories read_history read_values",
    "metrics": "Metrics",
    "rules": "Decision Rule build_rules",
    "stopping": "Live StopDecision StopRule",
    "strategies": "MixedStrategy Opening RulesStrategy Situation Strategy",
    "summary": "MetricSummary summarize",
    "views.frames": "LoadedStudy",
    "testing": "check_rule check_strategy hard_trials trial",
}
"""Module -> what scripts, rules and strategies of users import from it."""

LONG = {
    "autoloop/study/record.py": "one record: events change jobs, and every answer is read off them",
    "autoloop/config/knobs.py": "one table of all settings",
    "autoloop/study/events.py": "one class of fields for each kind of event; what they do is elsewhere",
}
"""Files over 400 lines, and why each is still one thing."""


def pictured() -> dict[str, str]:
    """Room -> what it is for, in the words of ARCHITECTURE.md's picture, which shows one row in a line."""
    section = ARCHITECTURE.partition("\n## The rooms of")[2].partition("\n| ")[0]
    rows = [re.split(" {2,}", row, maxsplit=1) for row in re.findall(r"^    (\S.*)", section, re.MULTILINE)]
    rooms: dict[str, str] = {}
    for names, words in (row for row in rows if not row[0].endswith(".py")):
        rooms |= zip(names.split(" | "), words.split(" | "), strict=True)
    return rooms


def layers() -> list[set[str]]:
    """The rows of the contract, the highest first."""
    contract = ConfigParser()
    contract.read(ROOT / "setup.cfg")
    rows = contract["importlinter:contract:rooms"]["layers"].strip().splitlines()
    return [set(row.split(" | ")) for row in rows]


def docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def test_nothing_stands_in_the_hall_but_rooms_doors_and_what_all_share():
    """A new thing belongs into a room: ARCHITECTURE.md, "Where a new thing goes"."""
    found = {path.name for path in HALL.iterdir()} - {"__pycache__"}
    assert found == {*ROOMS, *NAMES, *COMMANDS, *HALL_ITSELF}


@pytest.mark.parametrize("door", [*NAMES, *COMMANDS])
def test_a_door_is_a_few_lines_that_import_and_say_what(door: str):
    """No code of its own: it says in a sentence what it is, imports, and lists what it imports."""
    text = (HALL / door).read_text()
    body = ast.parse(text).body
    listed = import_module(f"autoloop.{door[:-3]}").__all__
    assert len(text.splitlines()) <= 8
    assert docstring(HALL / door).startswith("A door: ")
    assert [type(part) for part in body[:3]] == [ast.Expr, ast.ImportFrom, ast.Assign]
    assert [name.name for name in body[1].names] == listed
    assert [ast.unparse(part).split("(")[0] for part in body[3:]] == (
        ["if __name__ == '__main__':\n    command"] if door in COMMANDS else []
    )


@pytest.mark.parametrize("module", PUBLIC)
def test_names_that_users_import_are_where_they_were(module: str):
    found = import_module(f"autoloop.{module}")
    assert [name for name in PUBLIC[module].split() if not hasattr(found, name)] == []


def resolved(name: str) -> Any:
    """What a dotted name leads to."""
    module, _, rest = name.rpartition(".")
    try:
        return getattr(import_module(module), rest) if module else None
    except AttributeError:
        return import_module(name)


def targets() -> set[str]:
    """Every ``_target_`` of ours in the shipped configs, the pages and the plugins' own settings."""
    places = [ROOT / "README.md", ROOT / "autoloop" / "config" / "schema.py"]
    places += [*(ROOT / "docs").glob("*.md"), *(ROOT / "conf").rglob("*.yaml")]
    said = re.compile(r"""_target_["'`]?\s*(?::\s*\w+\s*)?[:=]\s*["'`]?((?:autoloop|hydra_plugins)[\w.]+)""")
    return {name for place in places for name in said.findall(place.read_text())}


def test_every_target_of_configs_and_pages_is_a_class():
    assert {"autoloop.callbacks.RoundCallback", "autoloop.rules.RestoreMass"} <= targets()
    assert [name for name in sorted(targets()) if not isinstance(resolved(name), type)] == []


def keys() -> set[str]:
    """What may stand below ``autoloop`` in a config, and is named as modules are: ``autoloop.rounds``.

    ``lineage`` is what the built-in task logs there.
    """
    config = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text())["autoloop"]
    return {"lineage", "root", *config, *SHARED}


def test_every_module_that_a_page_or_docstring_names_is_there():
    """``autoloop.room.file.name`` in backticks leads somewhere; so does ``python -m autoloop...``."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *FILES]
    named = re.compile(r"(?:`|-m )((?:autoloop|hydra_plugins\.autoloop)\.[a-z]\w*(?:\.\w+)*)")
    said = {(path.name, name) for path in pages for name in named.findall(path.read_text())}
    of_configs = {f"autoloop.{key}" for key in keys()}
    assert len(said) > 50
    assert [
        (page, name) for page, name in sorted(said) if name not in of_configs and not leads_somewhere(name)
    ] == []


def leads_somewhere(name: str) -> bool:
    try:
        return resolved(name) is not None
    except (ImportError, AttributeError):
        return False


def test_a_file_is_one_thing():
    """One of more than 400 lines is asked whether it is two, and the answer stands in ``LONG``."""
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {name for name, count in lines.items() if count > 400} == set(LONG)


def test_the_picture_of_the_rooms_is_the_contract():
    """Row for row; the doors stand above, what all share below."""
    doors, fronts, *rows, shared = layers()
    rooms = list(pictured())
    assert [name for row in rows for name in sorted(row, key=rooms.index)] == rooms
    assert {*rooms, *fronts} == {*ROOMS, "train", "testing"}
    assert doors == {name[:-3] for name in [*NAMES, *COMMANDS, "__main__.py"]}
    assert shared == {"errors"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_in_a_sentence_what_it_is_for(room: str):
    """The first line of its docstring, in the words of the picture; the table tells what it holds."""
    said, _, rest = docstring(HALL / room / "__init__.py").partition("\n")
    assert said.endswith(".")
    assert not rest.strip() or rest.startswith("\n")
    words = pictured().get(room, "")
    assert said.lower().startswith(words)
    assert not words or said[len(words)] in ".:,;"
    told = "".join(re.findall(r"^\| (`.*?) \|", ARCHITECTURE, re.MULTILINE))
    assert f"`{room}`" in told
