"""Round 1: the starting points and what the user asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autoloop.edits.effects import IgnoredKnob, ignored_paths, why_ignored
from autoloop.edits.variants import Variant, safe_name
from autoloop.errors import EditError, NoChangeError
from autoloop.loop.filling.derived import Derive
from autoloop.loop.filling.fitting import effective_edits
from autoloop.loop.filling.round import Round


def first_round(
    starts: Sequence[Variant], named: Sequence[Variant], derive: Derive, ignored: Sequence[IgnoredKnob] = ()
) -> Round:
    """Fill round 1: each starting point, followed by the user's variants of it.

    Args:
        starts: The baseline, or one starting point for each combination of a Hydra choice sweep.
        named: The user's variants; of each, ``name``, ``edits``, ``rule`` and ``reason`` are used. A variant
            whose ``rule`` is ``"sweep"`` comes from a comma list: where it equals another it is left out
            without an error.
        derive: See `Derive`.
        ignored: Knobs that the trainer ignores; a variant that changes one gets a note.

    Raises:
        EditError: A named variant cannot be applied, changes nothing, or equals another.
    """
    planned = Round(1, {})
    for start in starts:
        _take_start(planned, start)
    for start in starts:
        for variant in named:
            _take_named(planned, start, variant, derive, several=len(starts) > 1)
    order = {start.name: position for position, start in enumerate(starts)}
    planned.variants = [replace(v, notes=(*v.notes, *_ignored_edits(v, ignored))) for v in planned.variants]
    planned.variants.sort(key=lambda variant: order[variant.parent or variant.name])
    return planned


def _ignored_edits(variant: Variant, ignored: Sequence[IgnoredKnob]) -> list[str]:
    """Which edits of a variant the trainer ignores, in words."""
    known = ignored_paths(ignored, variant.config) if variant.changes else {}
    reasons = ((path, why_ignored([path], known, variant.config)) for path, _, _ in variant.changes)
    return [f"{path}: the trainer ignores it: {why}" for path, why in reasons if why]


def _take_start(planned: Round, start: Variant) -> None:
    twin = planned.seen.get(start.signature)
    if twin is None:
        planned.add(start)
    else:
        planned.add(replace(start, notes=(*start.notes, f"same config as {twin}, asked for twice")))


def _take_named(planned: Round, start: Variant, variant: Variant, derive: Derive, several: bool) -> None:
    swept = variant.rule == "sweep"
    name = safe_name(f"{variant.name}-{start.name}") if several else variant.name
    child = replace(variant, name=name, parent=start.name)
    edits, kept = (variant.edits, []) if swept else effective_edits(variant.edits, start.config)
    try:
        derived = derive(start, edits)
    except NoChangeError as error:
        if not swept:
            raise _of_variant(error, name) from error
        planned.refuse(child, f"the same config as {start.name}")
        return
    except EditError as error:
        raise _of_variant(error, name) from error
    twin = planned.seen.get(derived.signature)
    if twin is None:
        derived = replace(derived, notes=(*derived.notes, *kept))
        planned.add(derived.of(child))
    elif swept:
        planned.refuse(child, f"the same config as {twin}")
    else:
        raise EditError(
            f"variant {name!r} has the same config as {twin!r}; change one of them or take it out"
        )


def _of_variant(error: EditError, name: str) -> EditError:
    """The same error, naming the variant it was found in."""
    explained = EditError(f"in variant {name!r}:\n{error}", error.text, error.position, error.nearest)
    explained.why = error.why
    return explained
