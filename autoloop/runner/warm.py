"""Warm starts: a child goes on from a checkpoint halfway through a run, so that half its steps are saved.

All jobs of a search have the same length, those that go on too: a child is compared with its parent at equal
total steps. What it goes on from is the run of the nearest ancestor that started from the beginning. A child
and its parent share their first half, and differ by the child's edits in the second half alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autoloop.config.climbing import Continues
from autoloop.config.compose import Composer
from autoloop.edits.variants import Variant
from autoloop.loop.filling import Derive, Derived
from autoloop.runner.longer import continuing, found_in, without_continuing
from autoloop.study.record import Job, Study

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class WarmStart:
    """Makes children that go on from a checkpoint where they can, and start anew where not.

    Attributes:
        continues: How a run of this app goes on.
        study: The record.
        study_dir: The study's directory.
        composer: Composes configs.
        anew: Makes children that start anew.
    """

    continues: Continues
    study: Study
    study_dir: Path
    composer: Composer
    anew: Derive

    def derive(self, parent: Variant, edits: Sequence[str]) -> Derived:
        """See `Derive`; a child whose edits are all of `Continues.knobs` goes on from a checkpoint."""
        job = self.study.by_name(parent.name)
        bare = without_continuing(parent, job, self.continues)
        child = self.anew(bare, edits)
        if job is None or not all(self.continues.heeds(path) for path, _, _ in child.changes):
            return child
        source = self.study.by_name(job.begins_of) or job
        found = halfway(self.study_dir, source, self.continues.halfway)
        if found is None:
            return child
        step, checkpoint = found
        overrides = continuing(child.overrides, self.continues, checkpoint)
        return replace(
            child,
            config=self.composer.config(overrides),
            overrides=overrides,
            signature=self.composer.signature(overrides),
            begins={"from_step": step, "from_job": source.name},
        )


def halfway(study_dir: Path, job: Job, pattern: str) -> tuple[int, Path] | None:
    """The checkpoint that is nearest to half of a job's steps, and its step; None where it left none.

    Args:
        study_dir: The study's directory.
        job: The job.
        pattern: Where it left checkpoints; the last number in a path is the checkpoint's step.
    """
    steps: dict[int, Path] = {}
    for path, within in found_in(study_dir, job.run_dir, pattern):
        numbers = _NUMBER.findall(within)
        if numbers and 0 < int(numbers[-1]) < job.steps:
            steps[int(numbers[-1])] = path
    best = min(steps, key=lambda step: (abs(2 * step - job.steps), step), default=None)
    return None if best is None else (best, steps[best])
