"""What does not go together, from versions alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

Version = tuple[int, ...]

#: What packages do not declare themselves: names and ranges (from, up to) that exclude each other, and why.
#: A range holds versions from its first on and before its second; "python" is the interpreter.
_KNOWN: Sequence[tuple[Mapping[str, tuple[Version, Version]], str]] = (
    (
        {"python": ((3, 14), (9,)), "hydra-core": ((0,), (1, 4))},
        "starts no app: its argparse refuses Hydra's help; pip install 'hydra-core>=1.4.0rc3'",
    ),
    (
        {"hydra-optuna-sweeper": ((0,), (1, 2)), "optuna": ((3,), (99,))},
        "the sweeper is of 2021: newer ones ask for optuna<3, and so pip took this; use one or the other",
    ),
    (
        {"autoloop": ((0,), (99,)), "optuna": ((0,), (3, 2))},
        "strategy.sampler=tpe and `autoloop export optuna` want 3.2 or newer; sampler=gaussian needs none",
    ),
    (
        {"lerobot": ((0,), (0, 7)), "wandb": ((0, 29), (9,))},
        "LeRobot calls Run.get_url(), which W&B has no more; pip install 'wandb<0.28'",
    ),
    (
        {"omegaconf": ((2, 4), (2, 4, 1))},
        "goes with no Hydra: 1.3 asks for one below 2.4, 1.4 for 2.4.1rc1 or newer",
    ),
)


def version(text: str) -> Version:
    """The numbers of a version, without what marks a pre-release: ``1.4.0rc3`` is (1, 4, 0)."""
    numbers = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()


def exclusions(versions: Mapping[str, str]) -> Iterator[str]:
    """What of the installed packages does not go together, though pip says nothing.

    Args:
        versions: Name of a package, or "python" -> its version.
    """
    for ranges, why in _KNOWN:
        if all(
            name in versions and low <= version(versions[name]) < high for name, (low, high) in ranges.items()
        ):
            yield f"{' and '.join(f'{name} {versions[name]}' for name in ranges)}: {why}"
