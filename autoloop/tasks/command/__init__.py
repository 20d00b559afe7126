"""``task=command``: trains with a script of the user's own, in a process of its own, unchanged.

What the user says of the script stands in the config's ``command`` node, what is special about this kind of
trainer in ``profile``, and the trainer's own config under ``config``; docs/trainers.md describes all three.
"""

from __future__ import annotations

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from autoloop.tasks.command.failure import TrainerFailedError
from autoloop.tasks.command.inline import run_inline
from autoloop.tasks.command.prepare import prepare
from autoloop.tasks.command.process import run_process
from autoloop.tasks.command.settings import read_trainer


def run(cfg: DictConfig) -> None:
    """Write the trainer's config into the job's directory, run the trainer and wait for its end.

    Args:
        cfg: The app's composed config, with ``command``, ``profile`` and ``config``.

    Raises:
        ConfigError: The settings cannot be used; nothing was started.
        TrainerFailedError: The trainer failed; the message is what it died of.
        KeyboardInterrupt: The job was asked to end; the trainer was told and has ended.
    """
    trainer = read_trainer(cfg)
    job_dir = Path(HydraConfig.get().runtime.output_dir).absolute()
    start = prepare(trainer, job_dir)
    if trainer.start == "inline":
        run_inline(start)
    else:
        run_process(start, trainer.failure)


__all__ = ["TrainerFailedError", "run"]
