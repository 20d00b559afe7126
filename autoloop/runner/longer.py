"""Longer runs of a climb: the length that a study begins with, the checkpoints that its runs go on from."""

from __future__ import annotations

from collections.abc import Mapping
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
from autoloop.runner.searching import Search
from autoloop.store.files import inside
from autoloop.study.record import Job


def climbing(search: Search, settings: Settings, composer: Composer) -> tuple[Search, Settings]:
    """Let a study begin with the length of its first level; as it is where no climb is wanted.

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
    given = [word.values[0] for word in search.words if word.values]
    climb = wish.limit(composer.config([*given, *search.starts])) if wish.lengths else None
    if climb is None:
        return search, settings
    key = f"{composer.root}.{climb.knob}" if composer.root else climb.knob
    for word in search.words:
        if word.path in (key, climb.knob) and word.values != (f"{word.key}={climb.lengths[0]}",):
            raise ConfigError(
                f"{word.text} and climb={list(climb.lengths)} contradict each other: the search has the "
                f"first length of the climb, {climb.lengths[0]}; leave {word.key} out"
            )
    length = f"{key}={climb.lengths[0]}"
    starts = (*search.starts, length, *keeping(wish.continues))
    return replace(search, starts=starts), replace(settings, limits=replace(settings.limits, climb=climb))


def keeping(continues: Continues | None) -> list[str]:
    """The overrides that let a run keep its checkpoint."""
    return [] if continues is None else _overrides(continues.keep)


def without_keeping(search: Search, settings: Settings) -> Search:
    """The search of a study that began without a climb: its runs keep no checkpoints."""
    kept = keeping(settings.climbing.continues)
    return replace(search, starts=tuple(word for word in search.starts if word not in kept))


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
    words = _overrides(continues.words, found)
    return replace(variant, overrides=tuple(merge_overrides(variant.overrides, words)))


def checkpoint_of(job: Job, continues: Continues | None, study_dir: Path) -> Path | None:
    """The checkpoint that a job left; None where there is none, or the app does not say where it would be."""
    return None if continues is None else newest(study_dir, job.run_dir, continues.checkpoint)


def newest(study_dir: Path, run_dir: str, pattern: str) -> Path | None:
    """The newest file or folder that a pattern finds in a job's directory; None where there is none.

    A study's directory may be a stranger's: what lies outside the job's directory is none.
    """
    root = inside(study_dir.resolve(), run_dir)
    found = [path for path in root.glob(pattern) if path.resolve().is_relative_to(root.resolve())]
    return max(found, key=lambda path: (path.stat().st_mtime_ns, str(path)), default=None)


def _overrides(words: Mapping[str, Any], checkpoint: Path | None = None) -> list[str]:
    """Key -> value as overrides that add a key, or set one that is there."""
    return [
        path_override(f"++{key}", checkpoint)
        if checkpoint is not None and value == CHECKPOINT
        else f"++{key}={format_literal(value)}"
        for key, value in words.items()
    ]
