"""A result against another one: at the same seeds where both have several, and beside the noise."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from autoloop.loop.score import Generations, noise, results
from autoloop.study.compare import Scale, difference
from autoloop.study.record import Job, Study


@dataclass(frozen=True, slots=True)
class Gain:
    """A result against another one.

    Attributes:
        pct: Value minus reference in percent of ``scale.unit(reference)``, the mean over the seeds that both
            ran with.
        better: Whether the value is better in the sense of the study's goal; None if both are equal.
        margin_pct: The size of ``pct`` up to which it may be noise.
        reference: The value compared with.
        scale: What the percent are of: those of ``|reference|``, where that tells.
    """

    pct: float
    better: bool | None
    margin_pct: float
    reference: float
    scale: Scale

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``same``, or ``unclear`` where it may be noise."""
        if self.better is None:
            return "same"
        if abs(self.pct) <= self.margin_pct:
            return "unclear"
        return "better" if self.better else "worse"

    @property
    def label(self) -> str:
        """The verdict as it is shown behind the percentage."""
        return "within the noise" if self.verdict == "unclear" else self.verdict

    def than(self, reference: str) -> str:
        """The comparison in words.

        Args:
            reference: What the value is compared with.
        """
        joint = {"same": "same as", "unclear": "within the noise of"}.get(
            self.verdict, f"{self.verdict} than"
        )
        return f"{joint} {reference}"

    @property
    def gain_pct(self) -> float:
        """Size of the change in percent, positive when better."""
        return abs(self.pct) if self.better else -abs(self.pct)

    @property
    def is_percent(self) -> bool:
        """Whether the percent are of the reference itself."""
        return self.scale.is_percent(self.reference)

    def shown(self, name: str) -> str:
        """The change in short: ``-19.8 %``, or ``+0.3 (baseline 0)`` where a percentage says nothing.

        Args:
            name: What the reference is called.
        """
        return difference(self.pct, self.reference, self.scale, name)


class Gains:
    """Compares the results of a study's jobs.

    Attributes:
        noise: The study's noise floor.
        scale: What gains are in percent of.
        generations: What each job of a population came to in later generations.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._results = results(study)
        self.noise = noise(study)
        self.scale = self._results.scale
        self.generations = Generations.of(study)

    def change(self, job: Job, reference: Job | None) -> Gain | None:
        """How ``job`` did against ``reference``.

        None where there is nothing to compare: either did not come to its end with a result (a job that was
        stopped early has only the value of an early step), both are one, or ``job`` is its parent once more
        with another seed. In a population the reference stands for what it came to, without an edit, in the
        generation of ``job``.
        """
        reference = self.generations.beside(job, reference)
        if reference is None or reference.job == job.job or job.is_repeat:
            return None
        if not (job.known and reference.known):
            return None
        gains = self._results.gains_pct(job, reference)
        if not gains:
            return None
        gain = fmean(gains)
        pct = gain if self._study.maximize else 0.0 - gain
        margin = self.noise.margin_pct(len(gains))
        better = None if gain == 0 else gain > 0
        return Gain(pct, better, margin, reference.objective, self._results.scale)
