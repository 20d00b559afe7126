"""Runs that go on from another: the length that a study begins with, the checkpoints that its runs keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autoloop.config.climbing import CHECKPOINT, Continues
from autoloop.config.compose import Composer, path_override
from autoloop.config.rerun import merge_overrides
from autoloop.config.settings import Settings
from autoloop.edits import format_literal
from autoloop.edits.variants import Variant
from autoloop.errors import ConfigError
from autoloop.loop.steps import Climb
from autoloop.rules.paths import matches
from autoloop.runner.searching import Search
from autoloop.store.files import inside
from autoloop.study.record import Job, Study


def climbing(search: Search, settings: Settings, composer: Composer) -> tuple[Search, Settings]:
    """Let a study begin with the length of its first level, and its runs keep what others go on from.

    A study is left as it is where no climb and no warm start is wanted.

    Args:
        search: What is searched.
        settings: The study's settings.
        composer: Composes the config of the baseline.

    Returns:
        The search whose starting points have that length and keep their checkpoints, and the settings with
        the climb among their limits.

    Raises:
        ConfigError: The config has no length, or the command line says another one.
    """
    wish = settings.climbing
    if not wish.lengths and not wish.warm_start:
        return search, settings
    config = composer.config([*(one.values[0] for one in search.overrides if one.values), *search.starts])
    climb = wish.limit(config)
    length = _warm_length(config, settings, climb)
    kept = keeping(wish.continues, length)
    if climb is None:
        return replace(search, starts=(*search.starts, *kept), kept=kept), settings
    key = f"{composer.root}.{climb.knob}" if composer.root else climb.knob
    for one in search.overrides:
        if one.path in (key, climb.knob) and one.values != (f"{one.key}={climb.lengths[0]}",):
            raise ConfigError(
                f"{one.text} and climb={list(climb.lengths)} contradict each other: the search has the "
                f"first length of the climb, {climb.lengths[0]}; leave {one.key} out"
            )
    starts = (*search.starts, f"{key}={climb.lengths[0]}", *kept)
    limits = replace(settings.limits, climb=climb)
    return replace(search, starts=starts, kept=kept), replace(settings, limits=limits)


def _warm_length(config: Mapping[str, Any], settings: Settings, climb: Climb | None) -> int | None:
    """Length of a run whose checkpoint halfway is wanted; None where none is."""
    wish = settings.climbing
    if not wish.warm_start:
        return None
    if settings.metrics.aims.several:
        raise ConfigError(
            "warm_start trains the winner from the beginning at the end, and several objectives have a front"
        )
    if settings.limits.seeds > 1:
        raise ConfigError(
            "warm_start and seeds contradict each other: children on further seeds would share the first "
            "half of one run; leave one of them out (confirm=3 tells of other seeds at the end)"
        )
    knob = wish.knob_of(config, "warm_start=true")
    length = climb.lengths[0] if climb else int(matches(config, knob)[0][1])
    if length < 2:
        raise ConfigError(
            f"warm_start=true starts children halfway through a run; {knob}={length} has no half"
        )
    return length


def keeping(continues: Continues | None, length: int | None = None) -> tuple[str, ...]:
    """The overrides that let a run keep its checkpoint.

    Args:
        continues: How a run of this app goes on; None where it cannot.
        length: Length of a run whose checkpoint halfway is wanted too.
    """
    return () if continues is None else tuple(_overrides(continues.keeping(length)))


def as_begun(search: Search, study: Study) -> Search:
    """The search of a study that began when its runs were to keep fewer checkpoints, or none."""
    first = next(iter(study.counted()), None)
    if first is None:
        return search
    new = [one for one in search.kept if one not in first.plan.overrides]
    return replace(search, starts=tuple(one for one in search.starts if one not in new))


def without_continuing(variant: Variant, job: Job | None, continues: Continues | None) -> Variant:
    """A variant without the overrides that let its job go on from a checkpoint, where it did."""
    if job is None or continues is None or not job.begins_at:
        return variant
    keys = {f"++{key}" for key in continues.overrides}
    left = tuple(one for one in variant.overrides if one.partition("=")[0] not in keys)
    return replace(variant, overrides=left)


def continuing(overrides: Sequence[str], continues: Continues, checkpoint: Path) -> tuple[str, ...]:
    """The overrides of a run that goes on from a checkpoint."""
    return merge_overrides(overrides, _overrides(continues.overrides, checkpoint))


def continued(variant: Variant, job: Job, continues: Continues | None, study_dir: Path) -> Variant | None:
    """A job's variant, made to go on from the job's own checkpoint; None where it left none.

    Args:
        variant: The variant.
        job: The job that ran it.
        continues: How a run of this app goes on; None where it cannot.
        study_dir: The study's directory.
    """
    found = checkpoint_of(job, continues, study_dir)
    if found is None or continues is None or job.steps <= 0:
        return None
    return replace(variant, overrides=continuing(variant.overrides, continues, found))


def checkpoint_of(job: Job, continues: Continues | None, study_dir: Path) -> Path | None:
    """The checkpoint that a job left; None where there is none, or the app does not say where it would be."""
    return None if continues is None else newest(study_dir, job.run_dir, continues.checkpoint)


def newest(study_dir: Path, run_dir: str, pattern: str) -> Path | None:
    """The newest file or folder that a pattern finds in a job's directory; None where there is none."""
    found = [(path.stat().st_mtime_ns, str(path), path) for path, _ in found_in(study_dir, run_dir, pattern)]
    return max(found)[-1] if found else None


def found_in(study_dir: Path, run_dir: str, pattern: str) -> list[tuple[Path, str]]:
    """What a pattern finds in a job's directory: each path, and the same relative to that directory.

    A study's directory may be a stranger's: what lies outside the job's directory is none. Nor is a link that
    leads nowhere, as one to a checkpoint that was pruned since, or a file or folder with nothing in it, as a
    run leaves that was killed while it wrote one.
    """
    root = inside(study_dir.resolve(), run_dir)
    found = [path for path in root.glob(pattern) if _holds_something(path, root)]
    return [(path, str(path.relative_to(root))) for path in found]


def _holds_something(path: Path, root: Path) -> bool:
    try:
        if not path.resolve(strict=True).is_relative_to(root.resolve()):
            return False
        return any(path.iterdir()) if path.is_dir() else path.is_file() and path.stat().st_size > 0
    except (OSError, RuntimeError):  # before Python 3.13 a link that leads to itself is a RuntimeError
        return False


def _overrides(overrides: Mapping[str, Any], checkpoint: Path | None = None) -> list[str]:
    """Key -> value as overrides that add a key, or set one that is there."""
    return [
        path_override(f"++{key}", checkpoint)
        if checkpoint is not None and value == CHECKPOINT
        else f"++{key}={format_literal(value)}"
        for key, value in overrides.items()
    ]
