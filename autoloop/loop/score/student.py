"""Student's t distribution with a whole number of degrees of freedom, in closed form.

Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 26.7.3 and 26.7.4.
"""

from __future__ import annotations

import math
from functools import cache

_BISECTIONS = 100  # more than the 53 bits of a float, wherever the interval begins


def share_below(t: float, degrees: int) -> float:
    """Share (0 to 1) of the distribution below ``t``.

    Args:
        t: Any number.
        degrees: Degrees of freedom, at least 1.
    """
    angle = math.atan2(t, math.sqrt(degrees))
    cos2, odd = math.cos(angle) ** 2, degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = term if degrees > 1 else 0.0
    for power in range(2 + odd, degrees - 1, 2):
        term *= cos2 * (power - 1) / power
        total += term
    inside = math.sin(angle) * total
    inside = 2 / math.pi * (angle + inside) if odd else inside
    return (1 + inside) / 2


@cache
def quantile(share: float, degrees: int) -> float:
    """The number below which a share (above 0, below 1) of the distribution lies; `share_below` inverted."""
    if share < 0.5:
        return -quantile(1 - share, degrees)
    high = 1.0
    while share_below(high, degrees) < share:
        high *= 2
    low = 0.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if share_below(middle, degrees) < share else (low, middle)
    return (low + high) / 2
