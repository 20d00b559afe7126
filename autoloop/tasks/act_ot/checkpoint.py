"""The trained policy on disk: weights as safetensors, settings as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from autoloop.tasks.act_ot.errors import OutputDirError
from autoloop.tasks.act_ot.policy import ActPolicy
from autoloop.tasks.act_ot.settings import PolicySettings

_WEIGHTS = "model.safetensors"
_SETTINGS = "policy.json"


def check_output_dir(output_dir: str | None) -> None:
    """Refuse an output directory that exists, before any work is done.

    Raises:
        OutputDirError: It exists.
    """
    if output_dir is not None and Path(output_dir).exists():
        raise OutputDirError(Path(output_dir))


def save_policy(policy: ActPolicy, settings: PolicySettings, output_dir: str) -> Path:
    """Write the policy into ``output_dir``, which is created here and must not exist.

    Returns:
        The directory.

    Raises:
        OutputDirError: Another process has created it meanwhile.
    """
    directory = Path(output_dir)
    try:
        directory.mkdir(parents=True)
    except FileExistsError as error:
        raise OutputDirError(directory) from error
    save_file({name: value.contiguous() for name, value in policy.state_dict().items()}, directory / _WEIGHTS)
    (directory / _SETTINGS).write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")
    return directory


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
