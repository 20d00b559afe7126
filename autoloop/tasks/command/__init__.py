"""``task=command``: trains with a script of the user's own, in a process of its own, unchanged.

What the user sets for the script is in the config's ``command`` node, what is special about this kind of
trainer in ``profile``, and the trainer's own config under ``config``; docs/trainers.md describes all three.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from autoloop.tasks.command.accepts import as_accepted
from autoloop.tasks.command.failure import TrainerFailedError
from autoloop.tasks.command.inline import run_inline
from autoloop.tasks.command.prepare import check_launcher, config_text, prepare, write_config
from autoloop.tasks.command.process import run_process
from autoloop.tasks.command.settings import read_trainer


def run(cfg: DictConfig) -> None:
    """Write the trainer's config into the job's directory, run the trainer and wait for its end.

    Args:
        cfg: The app's composed config, with ``command``, ``profile`` and ``config``.

    Raises:
        ConfigError: The settings cannot be used; nothing was started.
        TrainerFailedError: The trainer failed; the message is what it died of.
        KeyboardInterrupt: The job was asked to end; the trainer was asked too and has ended.
    """
    trainer = read_trainer(cfg)
    devices = check_launcher(trainer)
    job_dir = Path(HydraConfig.get().runtime.output_dir).absolute()
    trainer = as_accepted(trainer, job_dir)
    start = prepare(trainer, job_dir, devices)
    write_config(trainer)
    if trainer.start == "inline":
        run_inline(start)
    else:
        run_process(start, trainer.failure)


def preview(cfg: DictConfig) -> str:
    """Return the command that a job with this config will start; checks what can be checked beforehand.

    Raises:
        ConfigError: The settings cannot be used.
    """
    trainer = read_trainer(cfg)
    check_launcher(trainer)
    trainer = as_accepted(trainer, trainer.output_dir.parent, keep=False)
    config_text(trainer)
    return shlex.join(prepare(trainer, trainer.output_dir.parent).command)


__all__ = ["TrainerFailedError", "preview", "run"]
