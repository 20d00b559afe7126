"""Where jobs failed: sides of knobs on which two jobs or more failed in one way, and none came through.

A trainer's refusal (a beta above 1, a dropout of 2), a loss that is not finite, memory that does not suffice:
what two jobs failed of, a third one need not try. Failures are of one kind if their errors are the same but
for numbers. A crash that happens once says nothing, nor does one on both sides of a success.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from autoloop.edits import find
from autoloop.rules.paths import is_number
from autoloop.trials import Trial, TrialState

LEAST = 2
"""Jobs that must have failed somewhere before it counts as a region."""

FAILURES = (TrialState.FAILED, TrialState.INFEASIBLE, TrialState.TIMEOUT)
"""How jobs end that say something against their settings; an interrupted one was only in the wrong place."""

_VARYING = re.compile(r"0x[0-9a-f]+|/\S+|\d[\d.e+-]*", re.IGNORECASE)
_SHOWN = 3  # jobs that are named


@dataclass(frozen=True, slots=True)
class Fence:
    """One side of a knob.

    Attributes:
        path: Path of the knob, without wildcards.
        side: 1 where values from ``value`` upwards failed, -1 downwards; 0: ``value`` itself.
        value: The failed value that is nearest to what works.
        safe: The nearest value that worked; None for a side of 0.
    """

    path: str
    side: int
    value: Any
    safe: float | None = None

    def holds(self, value: Any) -> bool:
        """Whether a value lies on this side."""
        if not self.side:
            return bool(value == self.value)
        return is_number(value) and self.side * (value - self.value) >= 0

    def __str__(self) -> str:
        words = {-1: "{} up to {!r}", 0: "{} of {!r}", 1: "{} from {!r} on"}
        return words[self.side].format(self.path, self.value)


@dataclass(frozen=True, slots=True)
class FailedRegion:
    """A part of the space in which jobs failed.

    Attributes:
        fences: It lies beyond all of these; several where nothing tells which of them matters.
        jobs: Numbers of the jobs that failed there.
    """

    fences: tuple[Fence, ...]
    jobs: tuple[int, ...]

    @property
    def told(self) -> str:
        """Where it lies and why it is known, in words."""
        return f"{' with '.join(map(str, self.fences))}, where {_jobs(self.jobs)} failed"


def lies_where_jobs_failed(
    regions: Iterable[FailedRegion], config: Mapping[str, Any], moved: Iterable[str]
) -> str:
    """Why a config is not worth a job: it lies where others failed; empty where it does not.

    Args:
        regions: Where jobs failed.
        config: The config.
        moved: Paths of what differs from its parent's. What it leaves as it was is not held against it.
    """
    changed = set(moved)
    for region in regions:
        values = {fence.path: _value(fence.path, config) for fence in region.fences}
        if changed & values.keys() and all(fence.holds(values[fence.path]) for fence in region.fences):
            told = " with ".join(f"{path} {value!r}" for path, value in values.items())
            return f"{told} lies where {_jobs(region.jobs)} failed"
    return ""


def failed_regions(trials: Sequence[Trial]) -> list[FailedRegion]:
    """Return where jobs failed, as far as one side of a knob tells failures from what came through.

    Args:
        trials: Finished trials, as they were planned. The config of each is looked at if two failed alike.
    """
    passed = [one for one in trials if one.usable]
    groups = alike(trials) if passed else []
    paths = _numbers_moved(trials) if groups else []
    return [region for group in groups for region in _regions(group, passed, paths)]


def alike(trials: Iterable[Trial]) -> list[list[Trial]]:
    """Return the trials that failed, those of one way together; one that no other is like is left out."""
    kinds: dict[tuple[TrialState, str], list[Trial]] = {}
    for one in trials:
        if one.state in FAILURES:
            kinds.setdefault((one.state, _VARYING.sub("#", one.error)), []).append(one)
    return [group for group in kinds.values() if len(group) >= LEAST]


def _numbers_moved(trials: Sequence[Trial]) -> list[str]:
    """Return the paths of what was changed in this study."""
    return list(dict.fromkeys(path for one in trials for path, _, _ in one.variant.changes))


def _regions(
    failed: Sequence[Trial], passed: Sequence[Trial], paths: Sequence[str]
) -> Iterator[FailedRegion]:
    """Yield the sides that explain failures of one kind, the one that explains the most first."""
    left = list(failed)
    while len(left) >= LEAST:
        sides = [side for path in paths for side in _sides(path, left, passed)]
        named = [side for side in sides if _is_named(side[0].path, left[0].error)]
        most = max(map(_count, named or sides), default=0)
        found = [side for side in named or sides if len(side[1]) == most]
        if not found:
            return
        beyond = found[0][1]
        jobs = tuple(one.job for one in beyond)
        yield FailedRegion(tuple(fence for fence, others in found if others == beyond), jobs)
        left = [one for one in left if one.job not in jobs]


def _count(side: tuple[Fence, list[Trial]]) -> int:
    return len(side[1])


def _sides(
    path: str, failed: Sequence[Trial], passed: Sequence[Trial]
) -> Iterator[tuple[Fence, list[Trial]]]:
    """Yield the sides of a knob on which enough jobs failed and none passed, each with those that failed."""
    bad = [(one, value) for one in failed if (value := _value(path, one.variant.config)) is not None]
    good = [_value(path, one.variant.config) for one in passed]
    numbers = [value for value in good if is_number(value)]
    for side in (1, -1) if numbers else ():
        safe = max(numbers, key=lambda value: side * value)
        beyond = [(one, value) for one, value in bad if is_number(value) and side * (value - safe) > 0]
        if len(beyond) >= LEAST:
            nearest = min((value for _, value in beyond), key=lambda value: side * value)
            yield Fence(path, side, nearest, safe), [one for one, _ in beyond]
    for word in dict.fromkeys(
        value for _, value in bad if isinstance(value, (str, bool)) and value not in good
    ):
        same = [one for one, value in bad if value == word]
        if len(same) >= LEAST:
            yield Fence(path, 0, word), same


def _is_named(path: str, error: str) -> bool:
    """Whether an error speaks of a knob: ``Invalid beta parameter`` of ``betas.0``."""
    names = [name for name in path.split(".") if not name.isdigit()]
    name = names[-1].removesuffix("s") if names else ""
    return len(name) > 1 and re.search(rf"(?<![a-z]){re.escape(name)}", error, re.IGNORECASE) is not None


def _value(path: str, config: Mapping[str, Any]) -> Any:
    found = find(path, config)
    return reduce(lambda node, key: node[key], found[0], config) if found else None


def _jobs(numbers: Sequence[int]) -> str:
    """Return a few jobs by number, in words."""
    told = [str(number) for number in numbers[:_SHOWN]]
    more = len(numbers) - len(told)
    told += [f"{more} more"] if more else []
    return f"jobs {', '.join(told[:-1])} and {told[-1]}"
