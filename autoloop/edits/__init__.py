"""The language of changes: edits ``path@op=operand`` on any nested config.

Reads as data flows: `parse_edit` makes an `Edit` of text, `change` applies edits to a config and says what
happened, `apply` and `expand` return only the new config or only its Hydra overrides. Everything here is
a pure function of its arguments. docs/edits.md is the reference.
"""

from autoloop.edits._change import (
    Bounds,
    Change,
    ValueChange,
    apply,
    change,
    expand,
    find,
    overrides_between,
    plain,
)
from autoloop.edits._constant import Constant, constant
from autoloop.edits._edit import OPS, Edit, parse_edit, path_of
from autoloop.edits._literal import LiteralError, format_literal, parse_literal, split_commas
from autoloop.edits._path import Keys, format_path

__all__ = [
    "OPS",
    "Bounds",
    "Change",
    "Constant",
    "Edit",
    "Keys",
    "LiteralError",
    "ValueChange",
    "apply",
    "change",
    "constant",
    "expand",
    "find",
    "format_literal",
    "format_path",
    "overrides_between",
    "parse_edit",
    "parse_literal",
    "path_of",
    "plain",
    "split_commas",
]
