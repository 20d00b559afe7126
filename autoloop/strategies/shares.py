"""Knobs that are shares: betas, dropouts, probabilities, momenta; what is above 1 makes no sense of them."""

from __future__ import annotations

import re

from autoloop.rules.paths import is_number

NEAR_ONE = 0.8
"""From here on a number whose name may be that of a weight (``beta``, ``alpha``) is taken for a share."""

#: Words that say so whatever stands beside them, or below them: ``attn_pdrop``, ``dropout.rate``.
_CERTAIN = re.compile(
    r"\w*drop(s|out|outs|path|rate|connect|block)?|\w*prob(s|ability|abilities)?"
    r"|share|fraction|frac|percentage|\w*(mask|warmup|train|val|valid|test|split|keep|mix|replay|sparsity|sample|l1)_ratio"
)
#: Words that name no share, whatever else does: ``weight_decay``, ``ema_steps``.
_OTHER = re.compile(r"weights?|wd|lr|learning|steps?|epochs?|iters?|interval|every|patience|layers?|size")
_SHARE = re.compile(
    r"betas|beta\d+|quantile|momentum|ema|polyak|gamma|smoothing|p"
    r"|decay|subsample|bagging|colsample"
)
_PERHAPS = re.compile(r"beta|rho|alpha|tau|lambda|lam")


def is_share(path: str, value: object) -> bool:
    """Whether the number at a path is a share, by its name and by a value from 0 to 1.

    Args:
        path: Path of the number; of ``betas.0`` and ``betas.*`` the name is ``betas``.
        value: The baseline's value.
    """
    if not isinstance(value, int | float) or not is_number(value) or not 0 <= value <= 1:
        return False
    above, name = _names(path)
    words = name.split("_")
    if any(_CERTAIN.fullmatch(part) for part in (above, *above.split("_"), name, *words)):
        return True
    if any(_OTHER.fullmatch(word) for word in words) or (name == "p" and isinstance(value, int)):
        return False
    perhaps = NEAR_ONE <= value < 1 and any(_PERHAPS.fullmatch(word) for word in words)
    return perhaps or any(_SHARE.fullmatch(word) for word in words)


def up_to_one(value: float, factor: float) -> float:
    """Return a share times a factor, but not nearer to 1 than by the factor.

    From 0.1 four times up is 0.4; from 0.9 it is 0.975, a quarter as far from 1. So what has to stay below 1
    stays below it, and 1 itself stays 1.
    """
    return min(value * factor, 1 - (1 - value) / factor)


def _names(path: str) -> tuple[str, str]:
    """The last two names of a path that are no indices, their words in small letters apart by ``_``."""
    names = [name for name in re.split(r"[.\[\]/]", path) if name and name != "*" and not name.isdigit()]
    above, name = ["", "", *(re.sub(r"(?<=[a-z\d])(?=[A-Z])|-", "_", name).lower() for name in names)][-2:]
    return above, re.sub(r"_(?=\d)", "", name)
