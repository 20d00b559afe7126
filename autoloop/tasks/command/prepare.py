"""From a trainer's settings to a command: its config file, its arguments and its environment."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autoloop.edits import find
from autoloop.engine.execute.gpus import visible
from autoloop.engine.slots import SINGLE_PROCESS_ACCELERATE
from autoloop.errors import ConfigError, counted
from autoloop.store.files import write_atomic
from autoloop.tasks.command.flags import flag_args
from autoloop.tasks.command.settings import Trainer

_MISSING = 77  # exit code that Python itself does not end with
_HAS_ACCELERATE = (
    "import sys; from importlib.util import find_spec; "
    f"sys.exit(0 if find_spec('accelerate') else {_MISSING})"
)
#: The same, and how many devices torch could give the processes of a job.
_DEVICES = f"""
import sys
from importlib.util import find_spec
if not find_spec('accelerate'):
    sys.exit({_MISSING})
import torch
other = getattr(torch, 'accelerator', None)
print(torch.cuda.device_count() or (other.device_count() if other and other.is_available() else 0))
"""


@dataclass(frozen=True, slots=True)
class Start:
    """A command ready to start.

    Attributes:
        command: The command line; it begins with the program.
        args: Those behind the script or module.
        env: Variables to set beside those of this process; None takes one out.
        cwd: Working directory.
        log: File that its output goes to.
    """

    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str | None]
    cwd: Path
    log: Path


def write_config(trainer: Trainer) -> None:
    """Write the trainer's config file.

    Raises:
        ConfigError: ``output_dir`` exists, or a value does not fit what the profile says.
    """
    if trainer.output_dir.exists():
        raise ConfigError(f"{trainer.output_dir} exists already; a trainer gets a directory of its own")
    if trainer.config_form:
        write_atomic(trainer.config_file, config_text(trainer))


def prepare(trainer: Trainer, job_dir: Path, devices: int | None = None) -> Start:
    """Put the trainer's command together.

    Args:
        trainer: The trainer.
        job_dir: The job's directory, where ``job.log`` is.
        devices: How many devices its processes have, see `check_launcher`; None where that is not known.

    Raises:
        ConfigError: A value cannot be written as a flag.
    """
    args = (*trainer.args, *flag_args(trainer.flags, trainer.flag_style))
    return Start(
        command=(*_launcher(trainer), *trainer.program, *args),
        args=args,
        env=_environment(trainer, os.environ, devices),
        cwd=trainer.cwd or Path.cwd(),
        log=job_dir / "job.log",
    )


def config_text(trainer: Trainer) -> str:
    """The config file of one job: the trainer's config with its types and the order of its keys.

    Raises:
        ConfigError: A path that must hold a whole number holds something else.
    """
    config = _merged(trainer.config, trainer.put)
    for pattern in trainer.ints:
        for keys in find(pattern, config):
            node: Any = config
            for key in keys[:-1]:
                node = node[key]
            node[keys[-1]] = _whole(pattern, node[keys[-1]])
    if trainer.config_form == "yaml":
        return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def _merged(config: Mapping[str, Any], put: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(config)
    for key, value in put.items():
        old = merged.get(key)
        merged[key] = (
            _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _whole(path: str, value: Any) -> Any:
    if isinstance(value, float):
        if not value.is_integer():
            raise ConfigError(f"{path} must be a whole number for this trainer, not {value!r}")
        return int(value)
    return value


def check_launcher(trainer: Trainer) -> int | None:
    """Find out whether the interpreter that runs the trainer has accelerate, where that is to launch it.

    An interpreter that is not on this machine may be on the one of the job, which looks again.

    Returns:
        How many devices several processes of one job have; None where that is not known, or there is one.

    Raises:
        ConfigError: It has no accelerate, or some devices, and fewer than processes.
    """
    if trainer.start != "accelerate":
        return None
    several = trainer.num_processes > 1
    environ = {**os.environ, **trainer.env}
    known = {name: value for name, value in environ.items() if value is not None}
    command, quiet = [trainer.python, "-c", _DEVICES if several else _HAS_ACCELERATE], subprocess.DEVNULL
    pipe = subprocess.PIPE
    try:
        asked = subprocess.run(command, env=known, cwd=trainer.cwd, stdin=quiet, stdout=pipe, stderr=quiet)
    except OSError:  # it is not here
        return None
    if asked.returncode == _MISSING:
        raise ConfigError(
            f"command.start=accelerate, but {trainer.python} has no accelerate: install it there "
            f"({trainer.python} -m pip install accelerate), name the trainer's interpreter "
            "(command.python=PATH), or choose command.start=python"
        )
    printed = asked.stdout.split()
    devices = int(printed[-1]) if several and printed and printed[-1].isdigit() else None
    if devices and devices < trainer.num_processes:
        raise ConfigError(
            f"command.num_processes={trainer.num_processes}, but a job sees {counted(devices, 'GPU')}: give "
            f"each job as many (gpus_per_job={trainer.num_processes}), or set "
            f"command.num_processes={devices}"
        )
    return devices


def _launcher(trainer: Trainer) -> list[str]:
    """The command line before the script: the one place that knows how a trainer is started."""
    if trainer.start != "accelerate":
        return [trainer.python]
    command = [
        trainer.python,
        "-m",
        "accelerate.commands.launch",
        "--num_processes",
        str(trainer.num_processes),
    ]
    if trainer.num_processes > 1:  # jobs side by side must not meet on the default port
        command += ["--multi_gpu", "--main_process_port", str(_free_port())]
    return [*command, *trainer.launch_args]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(trainer: Trainer, base: Mapping[str, str], devices: int | None) -> dict[str, str | None]:
    """What changes in the environment: accelerate's variables unless they are set, then the user's own.

    Without a GPU accelerate has to know that, or each process of a job takes itself for the only one.
    """
    defaults = {"PYTHONUNBUFFERED": "1"}  # its output reaches the log as it comes
    if trainer.start != "accelerate":
        defaults.update(SINGLE_PROCESS_ACCELERATE)
    if "CUDA_VISIBLE_DEVICES" in base and not visible(base["CUDA_VISIBLE_DEVICES"]):
        defaults["ACCELERATE_USE_CPU"] = "True"
    known = {"ACCELERATE_USE_CPU": "True"} if devices == 0 else {}  # a slot goes by names of GPUs alone
    return {**{name: value for name, value in defaults.items() if name not in base}, **known, **trainer.env}
