"""Repeats: a config run once more with another seed, to tell luck from gain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autoloop.edits import format_literal
from autoloop.edits.variants import Variant, safe_name
from autoloop.errors import ConfigError
from autoloop.rules.paths import is_number, matches
from autoloop.study.identity import from_exact
from autoloop.study.record import REPEAT, Study

SEED_PATHS = (
    "seed",
    "training.seed",
    "train.seed",
    "trainer.seed",
    "task.seed",
    "general.seed",
    "random_seed",
)
"""Where apps keep the seed of a training; the first that a config has is taken."""


def seed_path(config: Mapping[str, Any], candidates: Sequence[str] = SEED_PATHS) -> str:
    """Return the path of the seed in a config.

    Raises:
        ConfigError: It has none of the candidates.
    """
    found = next((path for path in candidates if matches(config, path)), None)
    if found is None:
        raise ConfigError(
            f"the config has no {' or '.join(candidates)}, so nothing can be run with another seed; "
            "say where the seed is with noise.seed=<path>"
        )
    return found


def is_seeded(study: Study) -> bool:
    """Whether the jobs of a study share a seed, as far as its journal tells."""
    config = study.header.config
    if config is None or any(job.is_repeat for job in study.jobs.values()):
        return True
    found = (matches(from_exact(config), path) for path in SEED_PATHS)
    return any(value is not None for places in found for _, value in places[:1])


def seed_of(config: Mapping[str, Any], path: str) -> Any:
    """Return the seed that a config holds."""
    return matches(config, path)[0][1]


def fresh_seeds(start: Any, taken: Sequence[Any] = ()) -> Iterator[int]:
    """Count up from a config's seed, leaving out those that are taken; from 0 where it has no number."""
    seed = int(start) if is_number(start) else 0
    while True:
        seed += 1
        if seed not in taken:
            yield seed


def nth_seed(start: Any, offset: int) -> int:
    """The seed so far from a config's own; from 0 where it has no number."""
    return (int(start) if is_number(start) else 0) + offset


def repeat(variant: Variant, path: str, seed: int, why: str, rule: str = REPEAT) -> Variant:
    """Return a variant that runs another one's config with this seed; not derived yet.

    Args:
        variant: What to run again.
        path: Path of the seed.
        seed: The seed.
        why: What for, as a sentence.
        rule: What it is called in the journal.
    """
    return Variant(
        name=safe_name(f"{variant.name[:48]}-seed{seed}"),
        edits=(f"{path}@set={format_literal(seed)}",),
        parent=variant.name,
        rule=rule,
        reason=why,
        evidence={"seed": seed},
        expects="",
        overrides=(),
        config={},
        signature="",
    )
