"""What is measured before a result is believed: which leader leads, which edits do nothing, what the gain is.

All of it is ordinary jobs. Between two rounds leaders that cannot be told apart run with further seeds
(racing). After the search the winner runs without each of its edits, then without all that do nothing
(minimal), and winner and starting point run with fresh seeds (confirmation).
"""

from __future__ import annotations

from autoloop.score.leader import contenders, leader
from autoloop.score.reduction import groups, idle_paths, knobs, root, winner, without
from autoloop.steps import Limits, Measure, Reseed, TakeBack
from autoloop.study import Job, Study

FRESH = 1000
"""Seeds for confirmation count from so far above the config's own: none of them was used to choose."""

SEEDS = 3
"""Fresh seeds where the user says no number: with noise of 1.5 % three pairs tell a gain of 1.7 %."""

WORTH = 24
"""Jobs of a search from which on these 2 x 3 jobs cost at most a quarter of it."""

RACERS = 4
"""Leaders that are raced, at most: one round of a small box."""


def is_closing(study: Study, limits: Limits) -> bool:
    """Whether the search is over under these very limits; with other limits it may go on."""
    return bool(study.closing) and study.closing["limits"] == limits.recorded()


def seeds_to_confirm(study: Study, limits: Limits) -> int:
    """On how many fresh seeds winner and starting point run."""
    if limits.confirm is not None:
        return limits.confirm
    return SEEDS if limits.rounds > 1 and study.searched >= WORTH else 0


def measurement(study: Study, limits: Limits) -> Measure | None:
    """The next measurement after the search; None where all are done."""
    done = study.measured if is_closing(study, limits) else ()
    best = leader(study)
    if best is None or root(study, best).name == best.name:
        return None
    if limits.minimal and "ablate" not in done:
        return TakeBack("ablate", best.name, _untried(study, best))
    if limits.minimal and "reduce" not in done:
        paths = idle_paths(study, best)
        tried = not paths or without(study, best, paths) is not None
        return TakeBack("reduce", best.name, () if tried else (paths,))
    found, seeds = winner(study), seeds_to_confirm(study, limits)
    if not seeds or "confirm" in done or found is None or root(study, found).name == found.name:
        return None
    offsets = tuple(range(FRESH + 1, FRESH + 1 + seeds))
    return Reseed("confirm", (found.name, root(study, found).name), offsets)


def _untried(study: Study, best: Job) -> tuple[tuple[str, ...], ...]:
    """The winner's edits that nothing has run without; none where it has only one."""
    found = groups(knobs(study, best))
    return tuple(paths for paths in found if len(found) > 1 and without(study, best, paths) is None)


def race(study: Study, limits: Limits) -> Reseed | None:
    """The leaders to run with one more seed before children are made of them; None where that is clear."""
    stage = study.measured.count("race")
    if stage >= limits.racing or limits.rounds == 1:
        return None
    names = tuple(job.name for job in contenders(study, RACERS))
    full = limits.max_jobs is not None and study.searched + len(names) >= limits.max_jobs
    return Reseed("race", names, (stage + 1,)) if names and not full else None
