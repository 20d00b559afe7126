"""Where jobs failed: sides of knobs on which two jobs or more failed in one way, and none came through.

A trainer's refusal (a beta above 1, a dropout of 2), a loss that is not finite, memory that does not suffice:
what two jobs failed of, a third one need not try. Failures are of one kind if their errors are the same but
for numbers. A crash that happens once says nothing, unless its error names the knob; nor does one on both
sides of a success.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoloop.rules.paths import is_number, matches
from autoloop.study.trials import Trial, TrialState

LEAST = 2
"""Jobs that must have failed somewhere before it counts as a region."""

FAILURES = (TrialState.FAILED, TrialState.INFEASIBLE, TrialState.TIMEOUT)
"""How jobs end that say something against their settings; an interrupted one was only in the wrong place."""

_VARYING = re.compile(r"0x[0-9a-f]+|/\S+|\d[\d.e+-]*", re.IGNORECASE)
#: Errors of the machine: they say nothing against a config.
_NO_FAULT = re.compile(
    r"no space left|quota|directory cannot be made|launcher|connection|permission denied|input/output error"
    r"|read-only file system|too many open files",
    re.IGNORECASE,
)
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

    @property
    def limit(self) -> Any:
        """Where the side is taken to begin: at 1 or 0 if that lies between what worked and what failed."""
        if self.safe is None:
            return self.value
        natural = (
            limit for limit in (1, 0) if self.side * self.safe < self.side * limit <= self.side * self.value
        )
        return next(natural, self.value)

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
        study: The earlier study whose jobs these are; empty for this one.
    """

    fences: tuple[Fence, ...]
    jobs: tuple[int, ...]
    study: str = ""

    @property
    def description(self) -> str:
        """Where it lies and why it is known, in words."""
        return f"{' with '.join(map(str, self.fences))}, where {self.who} failed"

    @property
    def who(self) -> str:
        """The jobs that failed there, in words."""
        return f"{_jobs(self.jobs)} of {self.study}" if self.study else _jobs(self.jobs)

    def holds(self, config: Mapping[str, Any]) -> bool:
        """Whether a config lies there."""
        return all(fence.holds(_value(fence.path, config)) for fence in self.fences)


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
            place = " with ".join(f"{path} {value!r}" for path, value in values.items())
            return f"{place} lies where {region.who} failed"
    return ""


def not_disproved(regions: Iterable[FailedRegion], trials: Iterable[Trial]) -> list[FailedRegion]:
    """Regions of earlier studies in which no trial of this one came through.

    Args:
        regions: Where jobs of earlier studies failed.
        trials: Finished trials of this study.
    """
    left = list(regions)
    passed = [one.variant.config for one in trials if one.usable] if left else []
    return [region for region in left if not any(map(region.holds, passed))]


def failed_regions(trials: Sequence[Trial]) -> list[FailedRegion]:
    """Return where jobs failed, as far as one side of a knob tells failures from what came through.

    Args:
        trials: Finished trials, as they were planned.
    """
    passed = [one for one in trials if one.usable]
    paths = list(dict.fromkeys(path for one in trials for path, _, _ in one.variant.changes))
    groups = _by_kind(trials) if passed else []
    return [region for group in groups for region in _regions(group, passed, paths)]


def alike(trials: Iterable[Trial]) -> list[list[Trial]]:
    """Return the trials that failed, those of one way together; one that no other is like is left out."""
    return [group for group in _by_kind(trials) if len(group) >= LEAST]


def _by_kind(trials: Iterable[Trial]) -> list[list[Trial]]:
    kinds: dict[tuple[TrialState, str], list[Trial]] = {}
    for one in trials:
        if one.state in FAILURES and not _NO_FAULT.search(one.error):
            kinds.setdefault((one.state, _VARYING.sub("#", one.error)), []).append(one)
    return list(kinds.values())


def _regions(
    failed: Sequence[Trial], passed: Sequence[Trial], paths: Sequence[str]
) -> Iterator[FailedRegion]:
    """Yield the sides that explain failures of one kind, the one that explains the most first.

    If the error names a knob, one failure is enough, and no other knob is blamed.
    """
    left = list(failed)
    while left:
        named = [path for path in paths if _is_named(path, left[0])]
        found = _most(paths=named, failed=left, passed=passed, least=1)
        found = found or _most(paths=paths, failed=left, passed=passed, least=LEAST)
        if not found:
            return
        beyond = found[0][1]
        jobs = tuple(one.job for one in beyond)
        yield FailedRegion(tuple(fence for fence, others in found if others == beyond), jobs)
        left = [one for one in left if one.job not in jobs]


def _most(
    paths: Sequence[str], failed: Sequence[Trial], passed: Sequence[Trial], least: int
) -> list[tuple[Fence, list[Trial]]]:
    """Return the sides on which the most jobs failed, if these are enough; each with those jobs."""
    if len(failed) < least:
        return []
    sides = [side for path in paths for side in _sides(path, failed, passed)]
    most = max((len(beyond) for _, beyond in sides), default=0)
    return [side for side in sides if len(side[1]) == most >= least]


def _sides(
    path: str, failed: Sequence[Trial], passed: Sequence[Trial]
) -> Iterator[tuple[Fence, list[Trial]]]:
    """Yield the sides of a knob on which jobs failed and none passed, each with those that failed."""
    bad = [(one, value) for one in failed if (value := _value(path, one.variant.config)) is not None]
    good = [_value(path, one.variant.config) for one in passed]
    numbers = [value for value in good if is_number(value)]
    for side in (1, -1) if numbers else ():
        safe = max(numbers, key=lambda value: side * value)
        beyond = [(one, value) for one, value in bad if is_number(value) and side * (value - safe) > 0]
        if beyond:
            nearest = min((value for _, value in beyond), key=lambda value: side * value)
            yield Fence(path, side, nearest, safe), [one for one, _ in beyond]
    words = (value for _, value in bad if isinstance(value, (str, bool)) and value not in good)
    for word in dict.fromkeys(words):
        yield Fence(path, 0, word), [one for one, value in bad if value == word]


def _is_named(path: str, failed: Trial) -> bool:
    """Whether an error names a knob: ``Invalid beta parameter: 1.2`` of ``betas.0``, or of a 1.2."""
    names = [name for name in path.split(".") if not name.isdigit()]
    name = names[-1].removesuffix("s") if names else ""
    if len(name) > 1 and re.search(rf"(?<![a-z]){re.escape(name)}", failed.error, re.IGNORECASE):
        return True
    value = _value(path, failed.variant.config)
    shown = repr(value) if isinstance(value, float) else ""
    return bool(shown) and re.search(rf"(?<![\d.]){re.escape(shown)}(?![\d.]*\d)", failed.error) is not None


def _value(path: str, config: Mapping[str, Any]) -> Any:
    found = matches(config, path)
    return found[0][1] if found else None


def _jobs(numbers: Sequence[int]) -> str:
    """Return a few jobs by number, in words."""
    if len(numbers) == 1:
        return f"job {numbers[0]}"
    shown = [str(number) for number in numbers[:_SHOWN]]
    more = len(numbers) - len(shown)
    shown += [f"{more} more"] if more else []
    return f"jobs {', '.join(shown[:-1])} and {shown[-1]}"
