"""The base of rules whose edits stand in the config."""

from __future__ import annotations

from collections.abc import Sequence

from autoloop.rules import checks
from autoloop.rules.base import Rule


class EditingRule(Rule):
    """A rule that proposes the edits it was given.

    Attributes:
        edits: Edits of the child it proposes, each ``path@op=operand``.
        expects: What the child should show if the rule is right, in one sentence.
    """

    def __init__(self, *, name: str, edits: Sequence[str], expects: str = "") -> None:
        self.name = checks.text(name, "name", name)
        self.edits = checks.edits(name, edits)
        self.expects = expects
