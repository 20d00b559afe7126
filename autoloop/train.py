"""``python -m autoloop.train``: a Hydra app that trains the chosen task, once or, with ``-m``, in rounds.

Words of the command line that are edits (``ot.loss_config.reg@mul=1.5``) are lifted out before Hydra sees them,
since Hydra's grammar has no such word: with ``-m`` they go to the sweeper, without it they change this one run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.utils import get_method
from omegaconf import DictConfig

from autoloop.argv import lift_edits
from autoloop.edits import expand, format_literal
from autoloop.errors import AutoloopError, ConfigError

CONF_DIR = Path(__file__).resolve().parent / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="config")
def run(cfg: DictConfig) -> Any:
    """Train the task that ``cfg.trainer`` names, and return its objective."""
    return get_method(cfg.trainer)(cfg)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the app.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` if not given.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.argv[1:] = hydra_arguments(given)
    except AutoloopError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    run()


def hydra_arguments(given: Sequence[str]) -> list[str]:
    """The command line in Hydra's own terms.

    Raises:
        EditError: An edit that cannot be read or, without ``-m``, does not fit the config.
    """
    words, edits = lift_edits(given, config_groups())
    if not edits:
        return words
    if any(word in ("-m", "--multirun") for word in words):
        return [*words, f"hydra.sweeper.edits={format_literal(edits)}"]
    overrides = [word for word in words if "=" in word and not word.startswith("-")]
    return [*words, *expand(edits, composed(overrides))]


def config_groups() -> set[str]:
    """Names of the app's config groups: ``task@here=x`` is Hydra's, not an edit."""
    return {str(path.relative_to(CONF_DIR)) for path in CONF_DIR.rglob("*") if path.is_dir()}


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """The app's config with these overrides, as plain values.

    Raises:
        ConfigError: The overrides do not compose.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from autoloop.compose import app_config

    try:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            return app_config(compose("config", overrides=list(overrides)))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(str(error)) from error


if __name__ == "__main__":
    main()
