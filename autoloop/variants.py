"""Variants (stand-in of this branch until the edits branch is merged)."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    edits: tuple[str, ...] = ()
    parent: str | None = None
    rule: str = ""
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    expects: str = ""
    overrides: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    signature: str = ""
    changes: tuple[tuple[str, Any, Any], ...] = ()
    notes: tuple[str, ...] = ()
