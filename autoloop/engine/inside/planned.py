"""Whether a job is about to train what was planned: it composes its config itself, in its own process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from autoloop.store.files import PLANNED_FILE

_SHOWN = 5  # keys that the error names


class StrayedConfigError(RuntimeError):
    """The job composed another config than was planned, so that its result would be taken for another's."""


def check_planned(config: Any) -> None:
    """Compare a job's config with what was planned; outside a study there is nothing to compare with.

    Args:
        config: What the task is about to get.

    Raises:
        StrayedConfigError: They differ.
    """
    planned = _planned()
    if planned is None or not isinstance(config, DictConfig):
        return
    from autoloop.config.values import written
    from autoloop.study.identity import prints, strayed

    keys = strayed(planned, prints(written(config)))
    if keys:
        listed = ", ".join(f"{key} (here {_here(config, key)})" for key in keys[:_SHOWN])
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        raise StrayedConfigError(
            f"nothing was trained: this job's config differs from the planned one, at {listed}{more}. "
            "A config file or a config that the app registers must have changed since then; restore it, "
            "or start a new study"
        )


def is_as_planned(config: Mapping[str, Any], run_dir: str) -> bool:
    """Whether a job's whole config is known to be what was planned for its directory.

    A config that is made from a template is looked at so; of another Hydra has the last word, and
    `check_planned` judges what it composes.

    Args:
        config: The config as `autoloop.config.values.written` has it.
        run_dir: The job's directory.
    """
    from autoloop.study.identity import prints

    planned = _read(Path(run_dir))
    return planned is not None and planned == prints(config)


def _planned() -> dict[str, str] | None:
    """What was planned for the job of this process; None outside a study."""
    return _read(Path(HydraConfig.get().runtime.output_dir)) if HydraConfig.initialized() else None


def _read(run_dir: Path) -> dict[str, str] | None:
    try:
        found: dict[str, str] = json.loads((run_dir / PLANNED_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _here(config: DictConfig, key: str) -> str:
    raw: Any = OmegaConf.to_container(config, resolve=False)
    for step in key.split("."):
        if not isinstance(raw, dict) or step not in raw:
            return "not there"
        raw = raw[step]
    return f"{raw!r:.60}"
