"""Which tracker's curves count, where several logged one run."""

from __future__ import annotations

from collections.abc import Mapping

#: Trackers that are read only where no other has the objective, or anything at all.
LAST_RESORTS = frozenset({"lines"})

_AS_MANY = 0.9  # of the most points: what a buffer holds back is no reason to prefer another
_STILL = 0.5  # of the most points: with so many the one that is followed goes on to be


def choose(points: Mapping[str, tuple[int, int]], now: str = "") -> str:
    """Return the tracker that counts.

    That is one which has the objective; where several have, no last resort; of those left one with the most
    points, or nearly so; of those the first.

    Args:
        points: Tracker, in order of preference -> how many points of the objective it has, how many in all.
        now: The tracker that counted until now; it goes on to, until it is far behind.
    """
    counts = {name: objective for name, (objective, _) in points.items() if objective}
    counts = counts or {name: whole for name, (_, whole) in points.items()}
    counts = {name: n for name, n in counts.items() if name not in LAST_RESORTS and n} or counts
    most = max(counts.values())
    if counts.get(now, -1) >= _STILL * most:
        return now
    return next(name for name, count in counts.items() if count >= _AS_MANY * most)
