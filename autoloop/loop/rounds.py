"""Rounds: what is known goes to a strategy, its answer through the disposer into a round. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from autoloop.edits.variants import Variant
from autoloop.errors import ConfigError, EditError
from autoloop.loop.briefing import (
    Besides,
    Known,
    Terms,
    VariantOf,
    disposer_of,
    opening_of,
    room_of,
    situation_of,
)
from autoloop.loop.climbing import longer_name
from autoloop.loop.filling import (
    Disposer,
    Obstacles,
    Round,
    add_anew,
    add_longer,
    add_repeats,
    add_without,
    first_round,
    next_round,
)
from autoloop.loop.probing import best_rate
from autoloop.loop.repeats import fresh_seeds, nth_seed, seed_of, seed_path
from autoloop.loop.score import knobs, root
from autoloop.loop.steps import Lengthen, Measure, Reseed, TakeBack, TrainAnew
from autoloop.rules.base import Decision
from autoloop.strategies.base import NO_PLACE, Probed
from autoloop.strategies.failed import failed_regions, not_disproved
from autoloop.strategies.remembered import SLOTS_FOR_ONE, tried_again
from autoloop.study.record import CHECK, CONFIRM, MEASURING, MINIMAL, PROBE, REPEAT, WITHOUT, Job, Study

RESEEDED = {
    "race": (REPEAT, "{} is among the leaders"),
    "check": (CHECK, "{} on another seed, to see whether edits that seem to do nothing do nothing"),
    "confirm": (CONFIRM, "confirms {} with a fresh seed"),
}
"""Aim -> the rule and the reason of jobs that run a config with further seeds."""


def opening_round(
    terms: Terms, starts: Sequence[Variant], named: Sequence[Variant], slots: Callable[[], int | None]
) -> Round:
    """Round 1: the starting points, the user's variants, repeats, and what the strategy adds.

    Args:
        terms: What holds for the study.
        starts: The starting points, the baseline first.
        named: The user's variants.
        slots: Returns how many slots are to be kept busy; asked where the strategy adds something.

    Raises:
        EditError: A named variant cannot be used.
        ConfigError: Repeats, racing, `minimal` or confirmation are asked for, and the config has no seed.
    """
    planned = first_round(starts, named, terms.derive, terms.ignored)
    limits = terms.limits
    if limits.racing or limits.minimal or limits.confirm or limits.seeds > 1:
        seed_path(starts[0].config, terms.seed_paths)  # shown before anything runs
    for start in starts if terms.repeats else ():
        path = seed_path(start.config, terms.seed_paths)
        seeds = islice(fresh_seeds(seed_of(start.config, path)), terms.repeats)
        why = f"measures the noise: {start.name} with another seed"
        add_repeats(planned, start, path, seeds, why, terms.derive)
    if limits.rounds > 1:
        free = slots()
        _add_remembered(terms, planned, starts[0], free)
        _fill_up(terms, planned, starts[0], free)
    _seed(terms, planned)
    return planned


def _seed(terms: Terms, planned: Round) -> None:
    """Add each job of the search once more on each of its further seeds, the same ones for all."""
    for variant in [one for one in planned.variants if one.rule not in (*MEASURING, PROBE)]:
        for offset in range(1, terms.limits.seeds):
            path = seed_path(variant.config, terms.seed_paths)
            seed = nth_seed(seed_of(variant.config, path), offset)
            why = f"{variant.name} on another seed: its result is the average of {terms.limits.seeds}"
            add_repeats(planned, variant, path, [seed], why, terms.derive)


def _add_remembered(terms: Terms, planned: Round, start: Variant, slots: int | None) -> None:
    """Add the best settings of earlier studies."""
    proposals = tried_again(terms.earlier, start.name, start.config)
    if not proposals:
        return
    most, places = terms.limits.max_jobs, max(1, (slots or 0) // SLOTS_FOR_ONE)
    places = places if most is None else min(places, max(0, most - len(planned.variants)))
    disposer = Disposer({start.name: start}, planned.seen, terms.derive, terms.obstacles, taken=planned.taken)
    more = next_round(1, proposals, disposer, places)
    for variant in more.variants:
        planned.add(variant)
    planned.refused += more.refused


def _fill_up(terms: Terms, planned: Round, start: Variant, slots: int | None) -> None:
    """Add what the strategy wants in round 1 beside the user's variants."""
    limit = terms.limits.max_jobs
    parents = {variant.name: variant for variant in planned.variants}
    disposer = Disposer(parents, planned.seen, terms.derive, terms.obstacles, taken=planned.taken)
    opening = replace(opening_of(terms, planned, start, slots), misfit=disposer.misfit)
    places = None if limit is None else max(0, limit - len(planned.variants))
    more = next_round(1, terms.strategy.open(opening), disposer, places)
    for variant in more.variants:
        planned.add(variant)
    planned.refused += more.refused


def after_probe(terms: Terms, study: Study, places: int, slots: int | None, variant_of: VariantOf) -> Round:
    """What round 1 goes on with once its probes have been judged.

    Args:
        terms: What holds for the study.
        study: The record.
        places: How many jobs it gets.
        slots: See `Besides`.
        variant_of: The variant that a job ran.
    """
    first = study.of_round(1)
    start, best = variant_of(first[0]), variant_of(best_rate(study))
    seen = {job.signature: job.name for job in study.jobs.values()}
    disposer = Disposer({start.name: start}, seen, terms.derive, terms.obstacles, taken=study.names)
    so_far = Round(1, {}, variants=[variant_of(job) for job in first])
    opening = opening_of(terms, so_far, start, slots)
    opening = replace(opening, misfit=disposer.misfit, probed=Probed(best, places))
    planned = next_round(1, terms.strategy.open(opening), disposer, places)
    _seed(terms, planned)
    return planned


def later_round(terms: Terms, known: Known, besides: Besides) -> Round:
    """A later round: what the strategy proposes, as far as nothing speaks against it.

    Args:
        terms: What holds for the study.
        known: What the record tells.
        besides: What no record has.
    """
    failed = failed_regions(known.shown) if known.has_failures else []
    failed += not_disproved(terms.closed, known.shown if terms.closed else ())
    disposer = disposer_of(terms, known, failed)
    situation = situation_of(terms, known, besides, disposer, failed)
    proposals = terms.strategy.propose(situation)
    planned = next_round(known.number, proposals, disposer, known.room)
    _seed(terms, planned)
    _note_left_out(terms.strategy.passed_over(situation), proposals, disposer, planned)
    if not planned.variants:
        planned.silence = terms.strategy.silence(situation)
    return planned


def _note_left_out(
    passed_over: Sequence[tuple[Decision, str]],
    proposals: Sequence[Decision],
    disposer: Disposer,
    planned: Round,
) -> None:
    """Write down what rules proposed and the strategy left out, but for what leads where a proposal does."""
    taken = {(one.trial, one.edits) for one in proposals}
    left = [(one, why) for one, why in passed_over if (one.trial, one.edits) not in taken]
    leads_to = {disposer.outcome(one) for one in proposals} if left else set()
    for decision, why in left:
        if why != NO_PLACE:
            planned.refuse(decision, why)
        elif disposer.outcome(decision) not in leads_to:
            planned.refuse(decision, disposer.refusal(decision) or why)


def requested_round(
    terms: Terms, study: Study, wanted: Decision, variant_of: VariantOf, name: str = ""
) -> Round:
    """A variant that a user wants while the study runs, as a further part of the latest round.

    What a user refused before may be asked for anew.

    Args:
        terms: What holds for the study.
        study: The record.
        wanted: The variant, as a child of any job.
        variant_of: The variant that a job runs.
        name: What it is called; empty for a name that says its round.
    """
    parent = _job(study, wanted.trial)
    disposer = Disposer(
        {parent.name: variant_of(parent)},
        {job.signature: job.name for job in study.jobs.values()},
        terms.derive,
        Obstacles(ignored=terms.ignored),
        study.names,
    )
    places = room_of(study, terms.limits, None)
    planned = next_round(study.rounds[-1], [wanted], disposer, places, name)
    _seed(terms, planned)
    return planned


def measuring_round(
    terms: Terms,
    study: Study,
    step: Measure,
    variant_of: VariantOf,
    from_step: Mapping[str, int] | None = None,
) -> Round:
    """What is run to measure, as a further part of the latest round.

    Args:
        terms: What holds for the study.
        study: The record.
        step: What is to be measured.
        variant_of: The variant that a job ran; of one that is trained for longer, with the overrides that
            let it go on from a checkpoint; of one that is trained anew, without those.
        from_step: Name of a job -> the step of the checkpoint that its longer run goes on from.
    """
    seen = {job.signature: job.name for job in study.jobs.values()}
    planned = Round(study.rounds[-1], seen, taken=set(study.names))
    if isinstance(step, Reseed):
        for offset in step.offsets:
            for name in step.jobs:
                _reseed(terms, planned, variant_of(_job(study, name)), step.aim, offset)
    elif isinstance(step, TrainAnew):
        add_anew(planned, _job(study, step.job), variant_of)
    elif isinstance(step, Lengthen):
        for job in (_job(study, name) for name in step.jobs):
            name = longer_name(study, job, step.length)
            add_longer(planned, variant_of(job), step, name, (from_step or {}).get(job.name, 0), terms.derive)
    else:
        job = _job(study, step.job)
        _take_back(terms, planned, variant_of(root(study, job)), knobs(study, job), step)
    return planned


def _take_back(
    terms: Terms, planned: Round, start: Variant, changed: Mapping[str, tuple[Any, Any]], step: TakeBack
) -> None:
    """Add a config without some of its changes, each time made anew from its starting point."""
    rule = MINIMAL if step.aim == "reduce" else WITHOUT
    for paths in step.groups:
        left = {path: new for path, (_, new) in changed.items() if path not in paths}
        add_without(planned, start, step.job, left, paths, rule, terms.derive)


def _reseed(terms: Terms, planned: Round, variant: Variant, aim: str, offset: int) -> None:
    """Add a config with a seed so far from its own."""
    rule, why = RESEEDED[aim]
    try:
        path = seed_path(variant.config, terms.seed_paths)
        seed = nth_seed(seed_of(variant.config, path), offset)
        add_repeats(planned, variant, path, [seed], why.format(variant.name), terms.derive, rule)
    except (ConfigError, EditError) as error:
        planned.refuse(variant, getattr(error, "why", str(error)))


def _job(study: Study, name: str) -> Job:
    job = study.by_name(name)
    assert job is not None  # a step names jobs of this very study
    return job
