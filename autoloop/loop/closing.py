"""What is measured before a result is believed: which leader leads, which edits do nothing, what the gain is.

All of it is ordinary jobs. Between two rounds leaders that cannot be told apart run with further seeds
(racing). After the search a winner that went on from a checkpoint is trained from the beginning. The winner
runs without each of its edits, then without all that seem to do nothing, which is compared with the winner on
further seeds (minimal), and winner and starting point run with fresh seeds (confirmation). At last the best
are trained for longer (`autoloop.loop.climbing`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from autoloop.loop.climbing import next_level
from autoloop.loop.score.front import most_telling
from autoloop.loop.score.leader import contenders, leader, unproven
from autoloop.loop.score.noise import Noise, noise
from autoloop.loop.score.pairs import afterwards
from autoloop.loop.score.reduction import (
    Paths,
    chosen,
    groups,
    is_idle,
    knobs,
    reductions,
    root,
    seems_idle,
    without,
)
from autoloop.loop.steps import Limits, Measure, Reseed, TakeBack, TrainAnew
from autoloop.study.record import CHECK, Job, Study

FRESH = 1000
"""Seeds for confirmation count from so far above the config's own: none of them was used to choose."""

CHECKED = 2000
"""The same for the seeds on which the winner is compared with itself without some edits."""

FEWEST, MOST = 2, 4
"""Seeds of that comparison."""

LOSS_PCT = 2.5
"""The loss that this comparison must tell from noise, as far as so many seeds can."""

SEEDS = 3
"""Fresh seeds where the user says no number: with noise of 1.5 % three pairs tell a gain of 1.7 %."""

WORTH = 24
"""Jobs of a search from which on these 2 x 3 jobs cost at most a quarter of it."""

POINTS = 4
"""Points of a front that are confirmed, at most: those it would lose most without."""

ANEW_MOST = 3
"""Warm starts that are trained from the beginning, at most: the next one where the first does not hold."""

RACERS = 4
"""Leaders that are raced, at most: one round of a small box."""


def is_closing(study: Study, limits: Limits) -> bool:
    """Whether the search is over under these very limits; with other limits it may go on."""
    return study.closing is not None and study.closing.limits == limits.recorded()


def seeds_to_confirm(study: Study, limits: Limits) -> int:
    """On how many fresh seeds winner and starting point run."""
    if limits.confirm is not None:
        return limits.confirm
    return SEEDS if limits.rounds > 1 and study.searched >= WORTH else 0


def seeds_to_check(floor: Noise) -> int:
    """On how many seeds the winner is compared with itself without some edits.

    As many as bring the margin of noise, two standard errors, down to `LOSS_PCT`: 2 with the noise assumed
    where nothing was measured.
    """
    wanted = (floor.margin_pct() / LOSS_PCT) ** 2
    return max(FEWEST, math.ceil(min(wanted, MOST)))


def measurement(study: Study, limits: Limits) -> Measure | None:
    """The next measurement after the search; None where all are done."""
    done = study.measured if is_closing(study, limits) else ()
    if study.aims.several:
        return _front_confirmation(study, limits, done)
    warm = unproven(study) if done.count("anew") < ANEW_MOST else None
    if warm is not None:
        return TrainAnew("anew", warm.name)
    best = leader(study)
    step: Measure | None = None
    if best is not None and root(study, best).place != best.place:
        step = _reduction(study, best, done) if limits.minimal else None
        step = step or _confirmation(study, limits, done)
    if step is not None or limits.climb is None:
        return step
    return next_level(study, limits.climb, done.count("climb"))


def _reduction(study: Study, best: Job, done: Sequence[str]) -> Measure | None:
    """The next step to a winner without idle edits; None where that is settled.

    Every try is one job at the winner's own seed, and only where that is no worse the comparison on further
    seeds. The first try that holds there is the winner; where none does the winner keeps all its edits.
    """
    if "ablate" not in done:
        return TakeBack("ablate", best.name, _untried(study, best))
    tries, begun = reductions(study, best), done.count("reduce")
    latest = tries[begun - 1] if 0 < begun <= len(tries) else ()
    if latest and _is_latest("reduce", done) and seems_idle(study, best, latest):
        return _comparison(study, best, latest)
    if begun >= len(tries) or (latest and is_idle(study, best, latest)):
        return None
    paths = tries[begun]
    tried = without(study, best, paths) is not None
    return TakeBack("reduce", best.name, () if tried else (paths,))


def _is_latest(aim: str, done: Sequence[str]) -> bool:
    return [one for one in done if one in ("reduce", "check")][-1:] == [aim]


def _comparison(study: Study, best: Job, paths: Paths) -> Reseed:
    """The winner with and without some edits on further seeds, as far as they did not run with these."""
    offsets = range(CHECKED + 1, CHECKED + 1 + seeds_to_check(noise(study)))
    both = [job for job in (without(study, best, paths), best) if job is not None]
    names = (job.name for job in both if len(afterwards(study, job, CHECK)) < len(offsets))
    return Reseed("check", tuple(names), tuple(offsets))


def _untried(study: Study, best: Job) -> tuple[Paths, ...]:
    """The winner's edits that nothing has run without; none where it has only one."""
    found = groups(knobs(study, best))
    return tuple(paths for paths in found if len(found) > 1 and without(study, best, paths) is None)


def _confirmation(study: Study, limits: Limits, done: Sequence[str]) -> Reseed | None:
    """Winner and starting point on fresh seeds; None where that is not wanted or done."""
    found, seeds = chosen(study), seeds_to_confirm(study, limits)
    if not seeds or "confirm" in done or found is None or root(study, found).place == found.place:
        return None
    offsets = tuple(range(FRESH + 1, FRESH + 1 + seeds))
    return Reseed("confirm", (found.name, root(study, found).name), offsets)


def _front_confirmation(study: Study, limits: Limits, done: Sequence[str]) -> Reseed | None:
    """Points of the front and their starting points on fresh seeds, where the user asks for that."""
    if not limits.confirm or "confirm" in done:
        return None
    points = [job for job in most_telling(study, POINTS) if root(study, job).place != job.place]
    names = dict.fromkeys([*(root(study, job).name for job in points), *(job.name for job in points)])
    offsets = tuple(range(FRESH + 1, FRESH + 1 + limits.confirm))
    return Reseed("confirm", tuple(names), offsets) if names else None


def race(study: Study, limits: Limits) -> Reseed | None:
    """The leaders to run with one more seed before children are made of them; None where that is clear."""
    stage = study.measured.count("race")
    if stage >= limits.racing or limits.rounds == 1:
        return None
    names = tuple(job.name for job in contenders(study, RACERS))
    full = limits.max_jobs is not None and study.searched + len(names) >= limits.max_jobs
    return Reseed("race", names, (stage + 1,)) if names and not full else None
