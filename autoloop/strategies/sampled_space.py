"""A source of the mixed strategy: points of the space, chosen by a sampler."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from autoloop.errors import counted
from autoloop.rules.base import Decision
from autoloop.rules.paths import matches
from autoloop.strategies.base import Opening, Probed, Situation
from autoloop.strategies.configurations import left
from autoloop.strategies.failed import FailedRegion
from autoloop.strategies.front import FrontProcess
from autoloop.strategies.gaussian import APART, GaussianProcess, informative, knows_too_little
from autoloop.strategies.optuna_front import OptunaFront
from autoloop.strategies.optuna_sampler import KINDS, OptunaSampler
from autoloop.strategies.points import seen_by
from autoloop.strategies.prior import Prior, prior_of
from autoloop.strategies.probe import Probe, around, larger, probe_of
from autoloop.strategies.samplers import (
    Floats,
    QuasiRandom,
    Random,
    Sampler,
    Seen,
    ask_where_jobs_live,
    nearest_of,
)
from autoloop.strategies.space import Knob, read_space
from autoloop.strategies.standing import has_result, ranked, starting_point, touched
from autoloop.strategies.words import CHOICE, NEAR, PlacedTrials, ranges, sampled
from autoloop.study.trials import Trial

SAMPLERS = ("gaussian", "quasi_random", "random", *KINDS)
SPARE = 4  # points asked for beyond those needed, in case some have run already
EVEN = 40  # points spread evenly that follow where what the sampler wants has all run already
NOWHERE = 1e-9  # two points nearer than this are one configuration
MORE = 3  # times as many points are asked for where some do not compose
PROBES = (0.1, 0.35, 0.6, 0.9)  # places of a knob where it is tried alone


@dataclass(frozen=True, slots=True)
class SampledSpace:
    """A sampler, and what it may turn.

    Attributes:
        name: Name of the sampler, one of `SAMPLERS`.
        space: Knobs that the user named, as in `autoloop.strategies.mixed.MixedStrategy`.
        span: Factor up and down where no bound is said.
        first_reach: Part of the way to the ends of the space that every second point of round 1 may go.
        sampler: Chooses the points.
    """

    name: str
    space: Mapping[str, Any]
    span: float
    first_reach: float
    sampler: Sampler = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sampler", _sampler(self.name))

    def fill_up(self, opening: Opening, free: int) -> list[Decision]:
        """Return points for so many places of round 1: by turns anywhere, and near the baseline."""
        knobs = self._first_knobs(opening) if free else ()
        if not knobs:
            return []
        proposals, stuck = self._opened(opening, knobs, free)
        while stuck:
            knobs = tuple(knob for knob in knobs if knob.path not in stuck)
            refused = proposals[-1:]
            proposals, stuck = self._opened(opening, knobs, free) if knobs else ([], frozenset())
            proposals = [*refused, *proposals]
        return proposals

    def probe(self, opening: Opening) -> Probe | str:
        """Return the probe of the learning rate that round 1 may begin with, or why there is none."""
        return probe_of(opening, self._first_knobs(opening, usual=True))

    def after_probe(self, opening: Opening, probed: Probed, reach: tuple[float, float]) -> list[Decision]:
        """Return what round 1 goes on with: twice the batch and the width at the best rate, points around it.

        Args:
            opening: Round 1 so far.
            probed: What the probes showed.
            reach: See `around`.
        """
        config = probed.best.config
        knobs = self._first_knobs(opening, usual=True)
        knobs = tuple(knob.reaching(config, self.span) for knob in knobs)
        first = larger(opening, self.space, config)
        wanted = [one for one in (first,) if one is not None and not opening.misfit(one)]
        more = around(opening, knobs, config, probed.places + SPARE, reach)
        fitting = (one for one in more if not opening.misfit(one))
        return [*wanted, *fitting][: probed.places]

    def _opened(
        self, opening: Opening, knobs: Sequence[Knob], free: int
    ) -> tuple[list[Decision], frozenset[str]]:
        """Return points of round 1; where one does not compose because of some knobs, these as well."""
        proposals: list[Decision] = []
        known: set[tuple[str, ...]] = set()
        for point in self._spread(opening, knobs, free):
            if not free:
                break
            one = sampled(opening.start.name, knobs, point, "fills up round 1, so that no slot is idle")
            if one is None or one.edits in known:
                continue
            known.add(one.edits)
            proposals.append(one)
            misfit = opening.misfit(one)
            stuck = _stuck(opening.start.name, knobs, point, opening.misfit) if misfit else frozenset()
            if stuck:
                return proposals, stuck
            free -= not misfit
        return proposals, frozenset()

    def _spread(self, opening: Opening, knobs: Sequence[Knob], free: int) -> Floats:
        """Return places for round 1, more than are needed; of a space that ends all, those first."""
        start = np.array([knob.unit(opening.start.config) for knob in knobs])
        seen = Seen(start[None], np.array([np.nan]), start, opening.seed)
        spread = QuasiRandom().ask(seen, MORE * (free + SPARE))
        reach = np.where(np.arange(len(spread)) % 2, self.first_reach, 1.0)
        inside = np.clip(start, 0.0, 1.0)
        points = np.asarray(inside + reach[:, None] * (spread - inside))
        among = left(knobs, [opening.start.config])
        return points if among is None else nearest_of(among, points, len(among))

    def points(self, situation: Situation, count: int) -> Iterator[Decision]:
        """Yield points of the space, as children of the baseline.

        Knobs that cannot be moved without a config that does not compose are left alone from then on.
        """
        start = starting_point(situation)
        if count <= 0 or start is None or not has_result(situation):
            return
        knobs = self._knobs(situation, start.variant.config)
        while knobs:
            stuck = yield from self._of(situation, start, knobs, count)
            if not stuck:
                return
            knobs = tuple(knob for knob in knobs if knob.path not in stuck)

    def _of(
        self, situation: Situation, start: Trial, knobs: tuple[Knob, ...], count: int
    ) -> Generator[Decision, None, frozenset[str]]:
        """Yield points of a space; end where one does not compose because of some knobs, and return these."""
        config, leading = start.variant.config, ranked(situation)
        best = next(iter(leading), start)
        knobs = tuple(knob.reaching(best.variant.config, self.span) for knob in knobs)
        seen = replace(seen_by(situation, knobs, config), among=left(knobs, _known(situation)))
        seen = replace(seen, prior=self._prior(situation, knobs, seen))
        why = self._why(seen) + _kept_out(situation.failed, knobs, config)
        placed = PlacedTrials.of(leading, knobs)
        running = np.array([[knob.unit(one.config) for knob in knobs] for one in situation.running])
        asked, misfits = 0, 1
        for more in (count + SPARE, MORE * (count + SPARE), None):
            points = self._asked(seen, more, asked) if misfits or seen.among is not None else ()
            asked, misfits = more or asked, 0
            for point in points if seen.among is not None else _news_first(points, seen, running):
                proposal = sampled(start.name, knobs, point, why, placed)
                if proposal is None:
                    continue
                yield proposal
                if situation.misfit(proposal):
                    misfits += 1
                    stuck = _stuck(start.name, knobs, point, situation.misfit)
                    if stuck:
                        return stuck
        if seen.among is None:
            spread = QuasiRandom().ask(replace(seen, points=seen.points[:0], more=0), EVEN)
            spread = spread if seen.snap is None else seen.snap(spread)
            places = np.vstack([seen.points, *([running] if len(running) else [])])
            free = [point for point in spread if not _is_at(point, places, NOWHERE)]
            yield from (one for point in free if (one := sampled(start.name, knobs, point, why, placed)))
        return frozenset()

    def _asked(self, seen: Seen, more: int | None, asked: int) -> Floats:
        """Return points beyond those asked for; ``more`` of None: what is left of a space that ends."""
        if more is not None:
            return ask_where_jobs_live(self._chooser(seen), seen, more)[asked:]
        return np.empty((0, seen.start.size)) if seen.among is None else seen.among

    def _prior(self, situation: Situation, knobs: Sequence[Knob], seen: Seen) -> Prior | None:
        """Return what earlier studies let expect, where the sampler has a use for that."""
        wanted = self.name == "gaussian" and seen.several is None and seen.excess is None
        return prior_of(situation.earlier, knobs, seen) if wanted and situation.earlier else None

    def _chooser(self, seen: Seen) -> Sampler:
        """Return who chooses: for several objectives and constraints the sampler's own kind for these."""
        if seen.several is None and seen.excess is None:
            return self.sampler
        if self.name in KINDS:
            return OptunaFront(self.name)
        return FrontProcess() if self.name == "gaussian" else self.sampler

    def foresee(self, opening: Opening) -> list[str]:
        """Say what the sampler is going to turn, line by line."""
        knobs = self._first_knobs(opening, usual=True)
        given = any(entry is not False for entry in self.space.values())
        turns = "changes" if given else "changes, besides what rules have changed by then"
        return [
            f"The others are points of the space, chosen by a sampler ({self.name}), which {turns}:",
            *(f"  {line}" for line in ranges(knobs)),
            *(() if knobs else ["  nothing yet: no number has bounds, and no variant changes one"]),
        ]

    def silence(self, situation: Situation) -> str:
        """Say why the sampler has nothing to propose."""
        start = starting_point(situation)
        if start is None or not has_result(situation):
            return "no trial has a result that the sampler could learn from"
        if not self._knobs(situation, start.variant.config):
            return (
                "the sampler has no knob to change: no number has bounds or was changed by a variant or rule "
                "(name some in bounds, variants or strategy.space)"
            )
        knobs = self._knobs(situation, start.variant.config)
        free = left(knobs, _known(situation))
        if free is not None and not len(free):
            every = left(knobs, ())
            count = 0 if every is None else len(every)
            return f"each of the {counted(count, 'configuration')} of the space has run"
        return "what the sampler proposes is refused"

    def _first_knobs(self, opening: Opening, usual: bool = False) -> tuple[Knob, ...]:
        """Return what the sampler may turn in round 1; later the usual knobs too, where nobody names any."""
        known = (opening.bounds, opening.touched, self.span, opening.leave)
        return read_space(opening.start.config, self.space, *known, usual=usual)

    def _knobs(self, situation: Situation, config: Mapping[str, Any]) -> tuple[Knob, ...]:
        """Return what the sampler may turn."""
        known = (situation.bounds, touched(situation), self.span, situation.leave)
        return read_space(config, self.space, *known, usual=True)

    def _why(self, seen: Seen) -> str:
        """Return what a point of the sampler is good for."""
        learns = self.name == "gaussian"
        count = informative(seen) if learns else int(np.isfinite(seen.losses).sum())
        evenly = learns and knows_too_little(seen)
        why = CHOICE["quasi_random" if evenly else self.name].format(trials=counted(count, "trial"))
        return why if seen.prior is None else f"{why}, and {seen.prior.description}"


def _sampler(name: str) -> Sampler:
    if name in KINDS:
        return OptunaSampler(name)
    built_in: dict[str, Sampler] = {
        "gaussian": GaussianProcess(),
        "quasi_random": QuasiRandom(),
        "random": Random(),
    }
    return built_in[name]


def _known(situation: Situation) -> Iterator[Mapping[str, Any]]:
    """Yield the configs of all jobs that ran or run."""
    yield from (one.variant.config for one in situation.trials.values())
    yield from (one.config for one in situation.running)


def _news_first(points: Sequence[Floats] | Floats, seen: Seen, running: Floats) -> list[Floats]:
    """Return points in their order, those last that are where something ran or runs."""
    return sorted(points, key=lambda one: _is_at(one, seen.points, APART) + _is_at(one, running, NEAR))


def _is_at(point: Floats, known: Floats, reach: float) -> bool:
    """Whether a known point is so near to another on every knob that the other is no news and goes last."""
    return bool(len(known) and np.abs(known - point).max(axis=1).min() <= reach)


def _stuck(
    start: str, knobs: Sequence[Knob], point: Floats, misfit: Callable[[Decision], bool]
) -> frozenset[str]:
    """Return the paths of knobs that do not compose wherever they alone are moved to.

    Args:
        start: Name of the baseline.
        knobs: The space.
        point: A point that does not compose.
        misfit: See `Situation`.
    """
    stuck = set()
    for knob, unit in zip(knobs, point, strict=True):
        places = (sampled(start, (knob,), (place,), "tried alone") for place in (float(unit), *PROBES))
        if all(misfit(one) for one in places if one is not None):
            stuck.add(knob.path)
    return frozenset(stuck)


def _kept_out(regions: Sequence[FailedRegion], knobs: Sequence[Knob], config: Mapping[str, Any]) -> str:
    """Return where a sampler does not go because jobs failed there, as words of a reason."""
    turned = {place for knob in knobs for place, _ in matches(config, knob.path)}
    described = [one.description for one in regions if turned & {fence.path for fence in one.fences}]
    return f", leaving out {'; '.join(described)}" if described else ""
