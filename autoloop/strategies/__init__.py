"""Who fills a round: strategies, one small file each."""

from collections.abc import Mapping
from typing import Any

from autoloop.rules.build import build
from autoloop.strategies.base import Foresight, Opening, Situation, Strategy
from autoloop.strategies.mixed import MixedStrategy
from autoloop.strategies.population import PopulationStrategy
from autoloop.strategies.rules import RulesStrategy

__all__ = [
    "Foresight",
    "MixedStrategy",
    "Opening",
    "PopulationStrategy",
    "RulesStrategy",
    "Situation",
    "Strategy",
    "build_strategy",
]


def build_strategy(config: Mapping[str, Any]) -> Strategy:
    """Build the strategy of a config.

    Args:
        config: ``{_target_: dotted path of a Strategy class, setting: value ...}``.

    Raises:
        ConfigError: The target is no Strategy class, or has a setting it does not know or does not accept.
    """
    return build("strategy", "strategy", config, Strategy)  # type: ignore[type-abstract]  # never called itself
