"""The trained policy on disk, and all that a training needs to go on: safetensors and JSON, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from autoloop.errors import ConfigError
from autoloop.tasks.act_ot.errors import OutputDirError
from autoloop.tasks.act_ot.policy import ActPolicy
from autoloop.tasks.act_ot.settings import PolicySettings

_WEIGHTS = "model.safetensors"
_SETTINGS = "policy.json"
_TENSORS = "training.safetensors"
_PROGRESS = "training.json"


def check_output_dir(output_dir: str | None) -> None:
    """Refuse an output directory that exists, before any work is done.

    Raises:
        OutputDirError: It exists.
    """
    if output_dir is not None and Path(output_dir).exists():
        raise OutputDirError(Path(output_dir))


def save_policy(
    policy: ActPolicy, settings: PolicySettings, output_dir: str | Path, begun: bool = False
) -> Path:
    """Write the policy into ``output_dir``.

    Args:
        policy: The policy.
        settings: Its settings.
        output_dir: The directory; it is created here and must not exist.
        begun: Whether this training has created it already.

    Returns:
        The directory.

    Raises:
        OutputDirError: Another process has created it meanwhile.
    """
    directory = Path(output_dir)
    try:
        directory.mkdir(parents=True, exist_ok=begun)
    except FileExistsError as error:
        raise OutputDirError(directory) from error
    save_file({name: value.contiguous() for name, value in policy.state_dict().items()}, directory / _WEIGHTS)
    (directory / _SETTINGS).write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    return directory


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What a training needs to go on as if it had never ended.

    Attributes:
        step: The last step that was trained.
        tensors: Name -> tensor: raw weights ``policy.*``, averaged ones ``averaged.*``, the optimizer's
            moments ``optimizer.<index>.*``, and the states of the random generators ``random.*`` (uint8).
        position: Where the drawing of batches has come to.
    """

    step: int
    tensors: Mapping[str, torch.Tensor]
    position: Mapping[str, Any]

    def part(self, name: str) -> dict[str, torch.Tensor]:
        """The tensors whose names begin with a part's, without it."""
        found = self.tensors.items()
        return {key.removeprefix(f"{name}."): value for key, value in found if key.startswith(f"{name}.")}


def save_progress(progress: TrainingState, directory: Path) -> None:
    """Write what a training needs to go on beside its policy."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in progress.tensors.items()}
    save_file(tensors, directory / _TENSORS)
    record = {"step": progress.step, "position": progress.position}
    (directory / _PROGRESS).write_text(json.dumps(record) + "\n", encoding="utf-8")


def load_progress(directory: Path, steps: int) -> TrainingState:
    """Read what another training left, for one that trains to ``steps``.

    Raises:
        ConfigError: There is none, or it was trained that far already.
    """
    try:
        record = json.loads((directory / _PROGRESS).read_text(encoding="utf-8"))
        found = TrainingState(int(record["step"]), load_file(directory / _TENSORS), record["position"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ConfigError(
            f"resume_from={str(directory)!r} holds no training to go on from "
            f"({type(error).__name__}: {error}); give the output_dir of a training with save_checkpoint=true"
        ) from error
    if found.step >= steps:
        raise ConfigError(
            f"resume_from={str(directory)!r} was trained to step {found.step}; steps={steps} is no longer run"
        )
    return found


def load_policy(output_dir: str | Path) -> ActPolicy:
    """Return the policy saved in ``output_dir``, on the CPU and in evaluation mode."""
    directory = Path(output_dir)
    settings = PolicySettings(**json.loads((directory / _SETTINGS).read_text(encoding="utf-8")))
    weights = load_file(directory / _WEIGHTS)
    policy = ActPolicy(
        settings, torch.zeros_like(weights["image_mean"]), torch.ones_like(weights["image_spread"])
    )
    policy.load_state_dict(weights)
    return policy.eval()
