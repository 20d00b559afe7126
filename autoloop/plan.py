"""What a study starts from: the command line read into starting points and named variants; the plan in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from autoloop.argv import split_sweep
from autoloop.compose import Composer
from autoloop.errors import ConfigError
from autoloop.loop import Round
from autoloop.settings import Settings
from autoloop.variants import Variant, signature


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


def read_points(
    arguments: Sequence[str], loader: ConfigLoader, composer: Composer, settings: Settings
) -> Points:
    """Read the command line's overrides and edits.

    Raises:
        ConfigError: A sweep that is not a list of choices.
        EditError: An edit of the baseline does not fit its config.
    """
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    baseline, swept = split_sweep(settings.edits)
    axes = [_axis(override) for override in parsed]
    several = sum(len(axis) > 1 for axis in axes)
    starts = []
    for combination in product(*axes):
        chosen = [text for text, axis in zip(combination, axes, strict=True) if len(axis) > 1]
        start = _start(",".join(chosen) if several else "baseline", combination, composer)
        starts.append(_edited(start, baseline, composer) if baseline else start)
    return Points(tuple(arguments), tuple(starts), (*settings.variants, *_swept(swept)))


def _axis(override: Override) -> list[str]:
    """The override strings that one argument stands for."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{override.input_line!r} is a range without steps; this sweeper takes lists: choice(a, b), a,b or range(a, b)"
        )
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _start(name: str, overrides: Sequence[str], composer: Composer) -> Variant:
    config = composer.config(overrides)
    return Variant(
        name=name,
        edits=(),
        parent=None,
        rule="",
        reason="the starting point",
        evidence={},
        expects="",
        overrides=tuple(overrides),
        config=config,
        signature=signature(config),
        changes=(),
        notes=(),
    )


def _edited(start: Variant, edits: Sequence[str], composer: Composer) -> Variant:
    derived = composer.derive(start, edits)
    return Variant(
        name=start.name,
        edits=tuple(edits),
        parent=None,
        rule="",
        reason="the starting point, with the edits of the command line",
        evidence={},
        expects="",
        overrides=derived.overrides,
        config=derived.config,
        signature=derived.signature,
        changes=derived.changes,
        notes=derived.notes,
    )
