"""Edits on a command line: telling them from Hydra's arguments, and comma lists that make variants."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import product

from autoloop.edits import parse_edit, split_commas
from autoloop.edits.variants import name_of_edits, unique_names

#: ``path@op=``: no ``=`` outside quotes before the op, and an op that could be a name.
_EDIT_ARG = re.compile(r"""(?P<path>(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^=@'"])*)@[A-Za-z_]\w*=""")
#: Flags, and the prefixes by which Hydra adds and deletes, are never edits.
_HYDRA_PREFIXES = ("-", "+", "~")


def lift_edits(argv: Sequence[str], config_groups: Collection[str]) -> tuple[list[str], list[str]]:
    """Take the edits out of a command line, before Hydra's lexer refuses them.

    Args:
        argv: The arguments after the program's name.
        config_groups: The app's config groups. ``group@package=option`` is Hydra's own syntax: an argument
            whose path is one of these and has no dot stays with Hydra.

    Returns:
        The arguments for Hydra and the edits, each in their order. An argument with an op that does not exist
        is lifted too, so that the answer is our own and names the nearest op.

    >>> lift_edits(["task@pkg=act_ot", "ot.*.reg@mul=2", "rounds=3"], {"task"})
    (['task@pkg=act_ot', 'rounds=3'], ['ot.*.reg@mul=2'])
    """
    rest: list[str] = []
    edits: list[str] = []
    for arg in argv:
        (edits if _is_edit(arg, config_groups) else rest).append(arg)
    return rest, edits


def _is_edit(arg: str, config_groups: Collection[str]) -> bool:
    """Whether an argument is an edit and not one of Hydra's."""
    found = _EDIT_ARG.match(arg)
    if found is None or arg.startswith(_HYDRA_PREFIXES):
        return False
    path = found["path"]
    return "." in path or ("/" not in path and path not in config_groups)


def split_sweep(edits: Iterable[str]) -> tuple[tuple[str, ...], list[tuple[str, tuple[str, ...]]]]:
    """Separate the edits of the baseline from comma lists, which make variants.

    Args:
        edits: Edits as they stand on the command line.

    Returns:
        The edits without a comma list, and for every combination of the comma lists (the last one turns
        fastest) a unique readable name with its edits. Commas in quotes and brackets make no list.

    Raises:
        EditError: An edit, or one value of a comma list, cannot be read.

    >>> split_sweep(["seed@set=1", "ot.reg@mul=1.5,2.0"])
    (('seed@set=1',), [('reg_mul_1.5', ('ot.reg@mul=1.5',)), ('reg_mul_2.0', ('ot.reg@mul=2.0',))])
    """
    baseline: list[str] = []
    lists: list[list[str]] = []
    for edit in edits:
        choices = _choices(edit)
        for choice in choices:
            parse_edit(choice)
        if len(choices) == 1:
            baseline += choices
        else:
            lists.append(choices)
    combinations = list(product(*lists)) if lists else []
    names = unique_names(name_of_edits(combination) for combination in combinations)
    return tuple(baseline), list(zip(names, combinations, strict=True))


def _choices(edit: str) -> list[str]:
    """Return one edit for each value of a comma list; the edit itself where there is no list."""
    found = _EDIT_ARG.match(edit.strip())
    if found is None:
        return [edit.strip()]
    head, values = found[0], edit.strip()[found.end() :]
    return [head + value.strip() for value in split_commas(values)]
