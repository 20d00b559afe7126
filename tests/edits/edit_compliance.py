"""Reads the compliance cases of the edit language and runs them; the docs page is made of the same cases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autoloop.edits import change
from autoloop.edits.argv import split_sweep
from autoloop.edits.variants import parse_entries
from tests.helpers.places import DATA

CASES = Path(__file__).with_name("compliance")


@dataclass(frozen=True)
class Case:
    """One case of one file; ``data`` is what the YAML says."""

    file: str
    index: int
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.file}-{self.index}"

    def run(self) -> Any:
        """Do what the case asks for: edits on a config, variants, or a sweep."""
        if "sweep" in self.data:
            return split_sweep(self.data["sweep"])
        if "variants" in self.data:
            return parse_entries(self.data["variants"])
        return change(self.data["edits"], self.data["given"], self.data.get("bounds"))


def load_cases() -> list[Case]:
    """Return every case in the order of the files, each with the config it is about."""
    cases = []
    for path in sorted(CASES.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        given = content.get("given")
        if "given_file" in content:
            given = json.loads((DATA / content["given_file"]).read_text(encoding="utf-8"))
        for index, data in enumerate(content["cases"], start=1):
            cases.append(Case(path.stem, index, {"given": given, **data}))
    return cases
