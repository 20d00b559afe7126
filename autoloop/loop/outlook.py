"""What may come after round 1, shown before anything has run: rules are finite, and so are their edits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoloop.edits.variants import Variant
from autoloop.errors import counted
from autoloop.loop.closing import FEWEST, MOST, SEEDS, WORTH
from autoloop.loop.due import Limits
from autoloop.loop.filling import Derived, Disposer
from autoloop.rules.base import Decision, Outlook, Rule, fitting
from autoloop.rules.names import in_words
from autoloop.stopping import StopRule

_INDENT = " " * 6
_SHOWN = 3  # paths that a config lacks, named


def outlook_lines(rules: Sequence[Rule], start: Variant, disposer: Disposer) -> Iterator[str]:
    """Yield what each rule waits for and what it would make of the baseline, a few lines a rule.

    Args:
        rules: The rules in order of priority.
        start: The baseline, whose config stands for those that the rules will see.
        disposer: Says what would become of the edits: what they change, what is left out and why.
    """
    for rule in sorted(rules, key=lambda rule: rule.fallback):
        outlook = rule.foresee(start.config)
        final = "; no other rule is asked then" if outlook.final else ""
        yield f"  {rule.name}: {outlook.when}{final}"
        yield from (f"{_INDENT}{line}" for line in _consequences(rule, outlook, start, disposer))


def _consequences(rule: Rule, outlook: Outlook, start: Variant, disposer: Disposer) -> Iterator[str]:
    if outlook.how:
        yield outlook.how
    kept, lacking = fitting(outlook.edits, start.config)
    if kept:
        found = disposer.appraise(Decision(rule.name, start.name, outlook.when, edits=kept))
        yield from _outcome_lines(found, start.name)
    elif not lacking and not outlook.how:
        yield f"{start.name} has nothing that it changes"
    if lacking:
        yield f"({start.name} has no {_few(lacking)})"


def _few(paths: Sequence[str]) -> str:
    names = in_words(paths)
    more = f" and {len(names) - _SHOWN} other paths of its edits" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _outcome_lines(found: Derived | str, name: str) -> Iterator[str]:
    """What becomes of a proposal."""
    if isinstance(found, str):
        yield f"refused on {name}: {found}"
        return
    yield from (f"{path}: {old!r} -> {new!r}" for path, old, new in found.changes)
    yield from (f"({note})" for note in found.notes)


def stop_lines(rules: Sequence[StopRule], protect_top: int) -> Iterator[str]:
    """Yield which running jobs each stop rule ends.

    Args:
        rules: The stop rules.
        protect_top: So many of the best running jobs are left alone.
    """
    for rule in rules:
        best = "best job" if protect_top == 1 else f"best {counted(protect_top, 'job')}"
        spared = f"baselines, repeats or the {best}" if rule.spares and protect_top else "baselines"
        yield f"  {rule.name}: {rule.condition()}; never ends {spared}"


def end_lines(limits: Limits, dry: str) -> Iterator[str]:
    """Yield what ends the study, one line each.

    Args:
        limits: The study's limits.
        dry: When its strategy runs dry, in words.
    """
    yield f"  after round {limits.rounds}" + (f", or when {dry}" if limits.rounds > 1 else "")
    counts: tuple[tuple[float | None, str, str], ...] = (
        (limits.max_jobs, "job", ""),
        (limits.max_hours, "hour", ""),
        (limits.max_failures, "failed job", " in a row"),
        (limits.patience, "round", " in a row without a gain over the noise"),
    )
    yield from (
        f"  after {counted(count, what)}{which}" for count, what, which in counts if count is not None
    )
    if limits.fail_fast:
        yield "  at the first failed job"
    if limits.until:
        yield f"  with a run of which {', '.join(condition.wanted for condition in limits.until)}"
    yield from measuring_lines(limits)


def measuring_lines(limits: Limits) -> Iterator[str]:
    """Yield what is measured between rounds and at the end, one line each."""
    if limits.racing and limits.rounds > 1:
        more = counted(limits.racing, "more seed")
        yield f"  leaders within the noise run with up to {more} before the next round"
    if limits.minimal:
        yield "  then the winner runs without each of its edits, and without those that seem to do nothing,"
        yield f"  which it loses if it is no worse without them on {FEWEST} to {MOST} further seeds"
    if limits.confirm:
        yield f"  then winner and baseline run on {counted(limits.confirm, 'fresh seed')}"
    elif limits.confirm is None and limits.rounds > 1:
        yield f"  then, if it had {WORTH} jobs or more, winner and baseline run on {SEEDS} fresh seeds"
    if limits.climb is not None:
        levels = zip(limits.climb.keep, limits.climb.lengths[1:], strict=True)
        ups = [f"{counted(keep, 'job')} to {limits.climb.knob}={length}" for keep, length in levels]
        yield f"  then the best are trained for longer: {', then '.join(ups)}"
