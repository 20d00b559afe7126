"""How much better one result is than another: one rule for results of any sign and size.

A gain is counted in percent of the reference's size, ``|reference|``. That says nothing where the reference
is 0, and too much where results lie on both sides of 0 and the reference happens to lie close to it. There a
gain is counted in percent of the size that the results at hand typically have.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDING = sys.float_info.epsilon


@dataclass(frozen=True, slots=True)
class Scale:
    """What a hundred percent are.

    Attributes:
        sign: 1 or -1 where all results but those of 0 have this sign; 0 where they differ, or all are 0.
        typical: Median size of the results that are not 0 (of an even number the larger of the middle two),
            above 0; 1 where there is none.
    """

    sign: int = 0
    typical: float = 1.0

    @classmethod
    def of(cls, results: Iterable[float]) -> Scale:
        """The scale of some results; those that are not finite do not count."""
        values = np.array(results if isinstance(results, np.ndarray) else list(results), dtype=np.float64)
        known = values[np.isfinite(values) & (values != 0)]
        if not known.size:
            return cls()
        sign = 1 if (known > 0).all() else -1 if (known < 0).all() else 0
        return cls(sign, float(np.sort(np.abs(known))[known.size // 2]))

    def is_percent(self, reference: float) -> bool:
        """Whether gains over a reference are in percent of its own size."""
        return self.sign * reference > ROUNDING * self.typical

    def unit(self, reference: float) -> float:
        """The size that is a hundred percent of a gain over a reference, above 0.

        ``|reference|``; where that does not tell (see the module), at least the typical size.
        """
        return abs(reference) if self.is_percent(reference) else max(abs(reference), self.typical)

    def units(self, references: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same of several references, (n,)."""
        sizes = np.abs(references)
        is_percent = self.sign * references > ROUNDING * self.typical
        return np.where(is_percent, sizes, np.maximum(sizes, self.typical))

    def amount(self, pct: float, reference: float, digits: int = 3) -> str:
        """The size of a gain in words: ``12.3 %``, or the difference itself where no percentage tells."""
        if self.is_percent(reference):
            return f"{abs(pct):.{digits}g} %"
        return f"{abs(pct) / 100 * self.unit(reference):.{digits}g}"

    def span(self, pcts: tuple[float, float], reference: float) -> str:
        """An interval of gains in words: ``1.2 to 3.4 %``, or as differences."""
        percent = self.is_percent(reference)
        low, high = pcts if percent else (pct / 100 * self.unit(reference) for pct in pcts)
        return f"{low:.3g} to {high:.3g}{' %' if percent else ''}"


def gain_pct(new: float, old: float, maximize: bool, scale: Scale | None = None) -> float:
    """By how much a result is better than a reference, negative where it is worse.

    Args:
        new: The result.
        old: The reference.
        maximize: Whether a larger result is better.
        scale: What the percent are of; by default what these two tell.

    Returns:
        Percent of ``scale.unit(old)``; NaN where either is not finite.
    """
    if not (math.isfinite(new) and math.isfinite(old)):
        return math.nan
    scale = scale or Scale.of((new, old))
    return (1 if maximize else -1) * 100 * (new - old) / scale.unit(old)


def difference(pct: float, reference: float, scale: Scale, name: str = "baseline") -> str:
    """A signed change in words: ``-19.8 %``, or ``+0.3 (baseline 0)`` where no percentage tells.

    Args:
        pct: New minus old, in percent of ``scale.unit(reference)``.
        reference: The old result.
        scale: What the percent are of.
        name: What the reference is called.
    """
    if scale.is_percent(reference):
        return signed_percent(pct)
    return f"{pct / 100 * scale.unit(reference):+.3g} ({name} {reference:.3g})"


def signed_percent(pct: float) -> str:
    """A change in percent in words: ``-19.8 %``."""
    return f"{pct:+.1f} %" if abs(pct) < 1000 else f"{pct:+.2g} %"
