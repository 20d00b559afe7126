"""Which edits fit a config: those of a rule that it has, those of the user that change something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autoloop.edits import change
from autoloop.edits.effects import IgnoredKnob, ignored_paths, why_ignored
from autoloop.edits.groups import is_pick
from autoloop.errors import EditError, NoChangeError


def usable_edits(
    edits: Sequence[str], config: Mapping[str, Any], ignored: Sequence[IgnoredKnob] = ()
) -> tuple[list[str], list[str]]:
    """The edits that fit this config, and a sentence for each that does not.

    A rule names the knobs of several kinds of config; those that this one lacks are skipped, never invented.
    So are edits that turn nothing but knobs which the trainer ignores. Beside an edit that picks an
    option of a config group the others are taken as they are: they are for a config that nobody has yet.
    """
    if any(is_pick(edit, config) for edit in edits):
        return list(edits), []
    fitting, skipped = _sieved(edits, config, EditError)
    patterns = ignored_paths(ignored, config)
    usable = []
    for edit in fitting:
        places = [path for path, _, _ in change([edit], config).changes] if patterns else []
        why = why_ignored(places, patterns, config)
        if why:
            skipped.append(f"{edit}: skipped, {why}")
        else:
            usable.append(edit)
    return usable, skipped


def effective_edits(edits: Sequence[str], config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The edits of a variant that change something here, and a sentence for each of the others.

    A user's variant may say `lambda@set=0.1` of a baseline that has just that; if nothing else is left, all
    of its edits are returned, so that applying them tells what is wrong.
    """
    if any(is_pick(edit, config) for edit in edits):
        return list(edits), []
    effective, kept = _sieved(edits, config, NoChangeError)
    return (effective, kept) if effective else (list(edits), [])


def _sieved(
    edits: Sequence[str], config: Mapping[str, Any], skip: type[EditError]
) -> tuple[list[str], list[str]]:
    """The edits without those that raise an error of this kind, and a sentence for each of these."""
    passed, skipped = [], []
    for edit in edits:
        try:
            change([edit], config)
        except skip as error:  # noqa: PERF203 - a handful of edits
            skipped.append(f"{edit}: skipped, {error.why}")
        except EditError:
            passed.append(edit)  # applying it tells the user what is wrong
        else:
            passed.append(edit)
    return passed, skipped
