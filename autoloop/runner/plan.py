"""What a study starts from: the command line read into starting points and named variants.

And the plan in words: round 1 as it will run, and what may come of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from autoloop.config.base_config import GROUP, ROOT
from autoloop.config.compose import Composer, subdir
from autoloop.config.lazy import LazyConfig
from autoloop.config.settings import Settings
from autoloop.edits.argv import split_sweep
from autoloop.edits.variants import Entry, Variant, unique_names
from autoloop.engine.slots import Places, Slot
from autoloop.errors import counted
from autoloop.loop.filling import Derived, Disposer, Obstacles, Round
from autoloop.loop.outlook import end_lines, outlook_lines, stop_lines
from autoloop.runner.aiming import describe_aims
from autoloop.runner.searching import Search
from autoloop.runner.short_plan import short_lines
from autoloop.strategies import Foresight
from autoloop.study.events import StudyBegun


@dataclass(frozen=True, slots=True)
class Points:
    """Where a study starts.

    Attributes:
        arguments: The overrides as given.
        starts: One baseline for each combination of the Hydra choice sweeps.
        named: The user's variants and those of comma lists, not yet applied to a start.
    """

    arguments: tuple[str, ...]
    starts: tuple[Variant, ...]
    named: tuple[Variant, ...]

    def as_recorded(self, header: StudyBegun) -> Points:
        """The same points in the order in which the study began with them: a shuffled list is drawn once."""
        recorded = list((header.settings or {}).get("starts", ()))
        if sorted(recorded) != sorted(start.signature for start in self.starts):
            return self
        left = list(self.starts)
        ordered = []
        for name, signature in zip(header.starts or (), recorded, strict=False):
            alike = [start for start in left if start.signature == signature]
            start = next((start for start in alike if start.name == name), alike[0])
            left.remove(start)
            ordered.append(start)
        return replace(self, starts=tuple(ordered))


def read_points(arguments: Sequence[str], search: Search, composer: Composer, settings: Settings) -> Points:
    """Make the starting points and the named variants of a study.

    Args:
        arguments: The overrides of the command line.
        search: What they were understood as.
        composer: Makes the configs.
        settings: The study's settings.

    Raises:
        EditError: An edit of the baseline does not fit its config.
    """
    baseline, swept = split_sweep(settings.edits)
    axes = search.axes
    combinations = list(product(*axes))
    labels = [
        ",".join(_label(text) for text, axis in zip(combination, axes, strict=True) if len(axis) > 1)
        or "baseline"
        for combination in combinations
    ]
    starts = [
        _edited(_start(name, combination, composer), baseline, composer)
        for name, combination in zip(unique_names(labels), combinations, strict=True)
    ]
    named = [
        _named(entry, "variants", entry.reason or "asked for by the user") for entry in settings.variants
    ]
    taken = [variant.name for variant in named]
    lists = [
        _named(Entry(name, name, edits), "sweep", "one of a comma list")
        for name, (_, edits) in zip(unique_names((label for label, _ in swept), taken), swept, strict=True)
    ]
    return Points(tuple(arguments), tuple(starts), (*named, *lists))


def _label(override: str) -> str:
    """An override as part of a name; a config file goes by its own name."""
    key, _, value = override.partition("=")
    return Path(value.strip("'\"")).stem if key == GROUP else override.removeprefix(f"{ROOT}.")


def _start(name: str, overrides: Sequence[str], composer: Composer) -> Variant:
    signed = composer.signature(overrides)
    return Variant(
        name=name,
        edits=(),
        parent=None,
        rule="baseline",
        reason="the starting point",
        evidence={},
        expects="",
        overrides=tuple(overrides),
        config=LazyConfig(composer, overrides),
        signature=signed,
    )


def _edited(start: Variant, edits: Sequence[str], composer: Composer) -> Variant:
    """The starting point with the command line's edits."""
    if not edits:
        return start
    variant = replace(
        start, edits=tuple(edits), reason="the starting point, with the edits of the command line"
    )
    return composer.derive(start, edits).of(variant)


def _named(entry: Entry, rule: str, reason: str) -> Variant:
    """A variant that waits for the starting point it changes."""
    return Variant(
        name=entry.name,
        edits=entry.edits,
        parent=None,
        rule=rule,
        reason=reason,
        evidence={},
        expects="",
        overrides=(),
        config={},
        signature="",
    )


def preview(composer: Composer, overrides: Sequence[str], job: int) -> str:
    """What a job would run, in the words of its task; empty where the task has none.

    A task is a function that the app's ``trainer`` names. A function ``preview`` beside it takes the same
    config, checks it and returns, for instance, the command that a job will start.

    Args:
        composer: Composes the job's config.
        overrides: The job's overrides.
        job: Its number.

    Raises:
        ConfigError: The task cannot run with this config.
    """
    with composer.as_in_job(overrides, job) as config:
        return _shown(config)


def place_and_preview(composer: Composer, overrides: Sequence[str], job: int) -> tuple[str, str]:
    """Directory of a job, relative to the sweep's, and its `preview`; raises as that does."""
    with composer.as_in_job(overrides, job) as config:
        return subdir(config), _shown(config)


def _shown(config: DictConfig) -> str:
    module = str(OmegaConf.select(config, "trainer") or "").rpartition(".")[0]
    if not module.startswith("autoloop.tasks."):
        return ""
    show: Callable[[DictConfig], str] | None = getattr(import_module(module), "preview", None)
    return show(config) if show else ""


def plan_text(
    planned: Round,
    settings: Settings,
    foresight: Foresight,
    runs: Sequence[tuple[str, str]],
    places: Places | None,
    named: str,
    sketch: Callable[[Variant, Sequence[str]], Derived],
    understood: Sequence[str] = (),
) -> str:
    """The plan in words: each job of round 1 as it will run, then what may come of it.

    Args:
        planned: Round 1.
        settings: The study's settings.
        foresight: What the strategy expects of the rounds after it.
        runs: Directory and command of each job.
        places: Where jobs run; None where the launcher does not tell.
        named: The metric that the app says it returns, see `named.named_in`.
        sketch: Makes a child without composing it, which would cost a tenth of a second for each rule.
        understood: What the words of the command line were understood as, line by line.
    """
    slots = None if places is None or places.gpus_by else places.slots
    count, trials = len(planned.variants), settings.n_trials
    of = f"of {settings.limits.rounds}" if trials is None else f"of a search of {counted(trials, 'trial')}"
    lines = [
        f"Plan: {counted(count, 'job')} in round 1 {of}. Nothing was run.",
        slots_line(places),
        *understood,
    ]
    if settings.detail != "full":
        return "\n".join(short_lines([*lines, *_objective(settings, named)], planned, settings, foresight))
    for number, (variant, (run_dir, command)) in enumerate(zip(planned.variants, runs, strict=True)):
        lines += ["", f"job {number}  {variant.name}  ({variant.reason})", f"  dir        {run_dir}"]
        lines += [f"  slot       {_place(number, slots)}"] if slots else []
        lines += [f"  change     {path}: {old!r} -> {new!r}" for path, old, new in variant.changes]
        lines += [f"  note       {note}" for note in variant.notes]
        lines += [f"  runs       {command}"]
    lines += ["", *lines_of_aims] if (lines_of_aims := _objective(settings, named)) else []
    lines += ["", *(f"left out: {' '.join(r.edits)}: {r.why}" for r in planned.refused)]
    aimed = settings.aimed(settings.metrics.aim_called(named))  # so that rules use the same direction
    return "\n".join([*lines, *_afterwards(planned, aimed, foresight, sketch)])


def _objective(settings: Settings, named: str) -> list[str]:
    """What the study is judged by, if the user did not set all of it."""
    return [f"{line[:1].upper()}{line[1:]}." for line in describe_aims(settings.metrics, named)]


def slots_line(places: Places | None) -> str:
    """Where jobs run, in one line.

    Args:
        places: Where they run; None where the launcher does not tell.
    """
    if places is None or places.slots is None:
        return f"Slots: decided by {(places and places.gpus_by) or 'the launcher'}."
    slots = places.slots
    if places.gpus_by:
        return f"Slots: {counted(len(slots), 'job')} at a time; {places.gpus_by} gives each its GPUs."
    with_gpus = [f"{slot.index} on GPU {','.join(slot.gpus)}" for slot in slots if slot.gpus]
    return f"Slots: {', '.join(with_gpus)}." if with_gpus else f"Slots: {len(slots)}, without GPUs."


def _place(number: int, slots: Sequence[Slot]) -> str:
    if number >= len(slots):
        return "the first one that is free"
    slot = slots[number]
    return f"{slot.index}, GPU {','.join(slot.gpus)}" if slot.gpus else str(slot.index)


def _afterwards(
    planned: Round,
    settings: Settings,
    foresight: Foresight,
    sketch: Callable[[Variant, Sequence[str]], Derived],
) -> Iterator[str]:
    """What each outcome of round 1 would trigger."""
    start = planned.variants[0]
    disposer = Disposer(
        {v.name: v for v in planned.variants}, planned.seen, sketch, Obstacles(ignored=settings.ignored)
    )
    if foresight.opening:
        yield from foresight.opening
        yield ""
    if settings.watching.rules:
        yield "While a job runs, a stop rule ends it when:"
        yield from stop_lines(settings.watching.rules, settings.watching.protect_top)
        yield ""
    if not settings.flow.barrier:
        yield "A later round has a job for each slot, decided when the slot is free (barrier=false)."
    elif foresight.rounds:
        yield foresight.rounds
    if settings.rules:
        last = "" if settings.limits.rounds > 1 else " (in a further round; rounds=1 runs none)"
        yield f"{foresight.rules}{last}:"
        yield f"(old -> new as on {start.name}; {strategy_line(settings.raw.get('strategy', {}))})"
        yield from outlook_lines(settings.rules, start, disposer)
        yield ""
    if foresight.besides:
        yield from foresight.besides
        yield ""
    yield "The study ends:"
    yield from end_lines(settings.limits, foresight.dry)


def strategy_line(chosen: Mapping[str, Any]) -> str:
    """The strategy and its settings in one line."""
    parts = [str(chosen.get("_target_", "RulesStrategy")).rpartition(".")[2]]
    parts += [
        f"{key}={value}" for key, value in chosen.items() if key != "_target_" and value not in (None, {}, [])
    ]
    return " ".join(parts)
