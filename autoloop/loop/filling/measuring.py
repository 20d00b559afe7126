"""What a round has to measure: a config on further seeds, or without some of its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from autoloop.edits import format_literal
from autoloop.edits.variants import Variant, safe_name
from autoloop.errors import EditError
from autoloop.loop.filling.derived import Derive, Derived
from autoloop.loop.filling.round import Round
from autoloop.loop.repeats import repeat
from autoloop.loop.steps import Lengthen
from autoloop.study.record import ANEW, CLIMB, REPEAT, WITHOUT, Job


def add_repeats(
    planned: Round,
    variant: Variant,
    path: str,
    seeds: Iterable[int],
    why: str,
    derive: Derive,
    rule: str = REPEAT,
) -> None:
    """Put a config into a round once more for each of these seeds, but for those that it ran with.

    Args:
        planned: The round.
        variant: The config to run again.
        path: Path of the seed in it.
        seeds: The seeds.
        why: What for, as a sentence.
        derive: See `Derive`.
        rule: What it is called in the journal.

    Raises:
        EditError: The config does not take another seed.
    """
    for seed in seeds:
        again = repeat(variant, path, seed, why, rule)
        _add_once(planned, again, derive(variant, again.edits))


def _add_once(planned: Round, child: Variant, derived: Derived) -> None:
    """Put a config into a round, unless it has run."""
    twin = planned.seen.get(derived.signature)
    if twin is None:
        planned.add(derived.of(child))
    else:
        planned.refuse(child, f"already run as {twin}")


def _add_derived(planned: Round, parent: Variant, child: Variant, derive: Derive) -> None:
    """The same of a child whose edits may not fit its parent."""
    try:
        derived = derive(parent, child.edits)
    except EditError as error:
        planned.refuse(child, error.why)
    else:
        _add_once(planned, child, derived)


def add_without(
    planned: Round,
    start: Variant,
    of: str,
    left: Mapping[str, Any],
    dropped: Sequence[str],
    rule: str,
    derive: Derive,
) -> None:
    """Put a config into a round without some of its changes.

    Args:
        planned: The round.
        start: The starting point of the config.
        of: Name of the job that has the config.
        left: Path -> value of the changes that are left.
        dropped: Paths of the others.
        rule: What it is called in the journal.
        derive: See `Derive`.
    """
    knob = f"-{dropped[0].rpartition('.')[2]}" if rule == WITHOUT else ""
    child = replace(
        start,
        name=safe_name(f"{of[:40]}-{rule}{knob}"),
        edits=tuple(f"{path}@set={format_literal(value)}" for path, value in left.items()),
        parent=start.name,
        rule=rule,
        reason=f"{of} without its change of {', '.join(dropped)}",
        evidence={"without": list(dropped)},
        expects=f"no worse than {of}",
    )
    _add_derived(planned, start, child, derive)


def add_anew(planned: Round, job: Job, variant_of: Callable[[Job], Variant]) -> None:
    """Put a config into a round that is trained from the beginning; before it went on from a checkpoint.

    Args:
        planned: The round.
        job: The job that went on.
        variant_of: Its variant, without what let it go on.
    """
    variant = variant_of(job)
    again = replace(
        variant,
        name=safe_name(f"{job.name}-anew"),
        edits=(),
        parent=job.name,
        rule=ANEW,
        reason=f"{job.name} went on from step {job.begins_at} of {job.begins_of}; this trains its settings "
        "from the beginning",
        evidence={},
        expects=f"no worse than {job.name}",
        changes=(),
        notes=(),
    )
    twin = planned.seen.get(again.signature)
    if twin is None:
        planned.add(again)
    else:
        planned.refuse(again, f"already run as {twin}")


def add_longer(
    planned: Round, variant: Variant, step: Lengthen, name: str, from_step: int, derive: Derive
) -> None:
    """Put a config into a round once more, to be trained for longer.

    Args:
        planned: The round.
        variant: The config, as it ran at the level below.
        step: What it is for.
        name: Name of the new run.
        from_step: The step of the checkpoint that it goes on from; 0 where it starts anew.
        derive: See `Derive`.
    """
    begins = f"goes on from step {from_step} of {variant.name}" if from_step else "starts anew"
    evidence = {"level": step.level, "length": step.length}
    longer = replace(
        variant,
        name=safe_name(name),
        edits=(f"{step.knob}@set={step.length}",),
        parent=variant.name,
        rule=CLIMB,
        reason=f"level {step.level} of the climb: {variant.name} to {step.knob}={step.length}; {begins}",
        evidence={**evidence, "from_step": from_step} if from_step else evidence,
        expects="the order of the level below",
        notes=(),
    )
    _add_derived(planned, variant, longer, derive)
