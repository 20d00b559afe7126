"""SLURM's own commands: submitting, looking at the queue, signalling, and what is remembered of a job."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.slurm.slurm import SlurmExecutor

from autoloop.engine.execute.limited import ask, run_limited
from autoloop.engine.execute.signals import signal_name
from autoloop.errors import AutoloopError, ConfigError

#: States of a job that SLURM will not run any more (as squeue names them); in all others it may come back.
OVER = (
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"),
    *("PREEMPTED", "REVOKED", "TIMEOUT"),
)
_COMMAND_TIMEOUT_S = 60  # for one answer; a controller that takes longer counts as down
_QUEUE_FORMAT = "%i|%T|%r|%N|%k"


class SubmitError(AutoloopError):
    """SLURM did not take a job."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A job as squeue shows it.

    Attributes:
        state: SLURM's name for its state, such as PENDING or NODE_FAIL.
        reason: Why it waits, or why it is over.
        nodes: Where it runs.
        comment: The comment it was submitted with.
    """

    state: str
    reason: str = ""
    nodes: str = ""
    comment: str = ""

    @property
    def over(self) -> bool:
        """Whether SLURM will not run it any more."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class Script:
    """What goes into the batch script of each job.

    Attributes:
        options: Options of sbatch by the names that submitit gives them (``partition``, ``gres``,
            ``cpus_per_task``, ``mem``, ``time``, ``account``, ``qos``, ``constraint`` ...).
        more: Further options of sbatch, by their own long names.
        setup: Lines of shell run before the job.
        requeue: Whether SLURM may start a job again that it preempted or whose node died.
        python: Command that runs Python on a node.
        warning_s: Seconds before the time limit at which SLURM warns the job.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    setup: tuple[str, ...] = ()
    requeue: bool = True
    python: str = shlex.quote(sys.executable)
    warning_s: int = 60


class _Executor(SlurmExecutor):
    """submitit's executor for a command of ours: one that pickles nothing."""

    def submit_command(self, command: str) -> str:
        """Submit a job that runs ``command``; return SLURM's id for it."""
        return str(self._submit_command(command).job_id)

    def script(self, command: str) -> str:
        """The batch script of such a job."""
        return self._make_submission_file_text(command, "")

    def _make_submission_command(self, submission_file_path: Path) -> list[str]:
        return [*_as_from_outside(os.environ), *super()._make_submission_command(submission_file_path)]


def submit(script: Script, folder: Path, name: str, comment: str) -> str:
    """Submit the job of ``folder``; return its id.

    Raises:
        SubmitError: SLURM does not take it, in its own words.
    """
    executor = _executor(script, folder, name, comment)
    try:
        return executor.submit_command(_command(script, folder))
    except (FailedJobError, FailedSubmissionError, OSError) as error:
        raise SubmitError(f"sbatch: {_one_line(str(error))}") from error


def check(script: Script, folder: Path) -> None:
    """Ask SLURM whether it would take such a job; nothing runs.

    ``--test-only`` refuses what no node can run right now as well, for instance while all are down. So what
    it refuses is submitted to begin later, which is refused only if it can never run, and taken back. (On
    hold it would be accepted: SLURM 22.05 looks at the memory, cores and GPUs of such a job when it is
    released.)

    Raises:
        ConfigError: It would not, or there is no SLURM here.
    """
    try:
        text = _executor(script, folder, "check", "").script(_command(script, folder))
        done = _sbatch(text, "--test-only")
        if done.returncode:
            done = _sbatch(text, "--begin=now+1hour", "--parsable")
            if not done.returncode:
                cancel(done.stdout.strip().split(";")[0])
    except (RuntimeError, OSError) as error:
        raise ConfigError(f"hydra/launcher=slurm finds no SLURM here: {error}") from error
    except ValueError as error:
        raise ConfigError(f"hydra.launcher: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"SLURM's controller does not answer within {_COMMAND_TIMEOUT_S} s") from error
    if done.returncode:
        raise ConfigError(
            f"SLURM refuses a job with these settings of hydra.launcher ({_asked_for(script)}): "
            f"{_one_line(done.stderr)}"
        )


def _asked_for(script: Script) -> str:
    """The options of sbatch that are set, as text."""
    return ", ".join(f"{key}={value}" for key, value in script.options.items() if value is not None)


def _sbatch(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*_as_from_outside(os.environ), "sbatch", *options]
    return run_limited(command, script, timeout_s=_COMMAND_TIMEOUT_S)


def queue() -> dict[str, Queued] | None:
    """All jobs of this user that SLURM knows, lately ended ones too, by id; None if it is silent."""
    asked = ["squeue", "--me", "--noheader", "--states=all", f"--format={_QUEUE_FORMAT}"]
    answer = _ask(asked)
    return None if answer is None else read_queue(answer)


def read_queue(text: str) -> dict[str, Queued]:
    """Read what squeue prints, one job a line: id, state, reason, nodes and comment between bars."""
    rows = (line.split("|", 4) for line in text.splitlines())
    return {row[0].strip(): Queued(*row[1:]) for row in rows if len(row) == 5}


def remembered(job_id: str) -> dict[str, str]:
    """What SLURM still remembers of a job; empty if it has forgotten it."""
    answer = _ask(["scontrol", "show", "job", "--oneliner", job_id])
    return dict(re.findall(r"(\w+)=(\S*)", answer or ""))


def signal_supervisor(job_id: str, signum: signal.Signals) -> bool:
    """Send a signal to a job's supervisor alone; return whether SLURM took it."""
    name = signum.name.removeprefix("SIG")
    return _ask(["scancel", "--batch", f"--signal={name}", job_id]) is not None


def cancel(job_id: str) -> None:
    """Take a job out of SLURM, whether it runs or waits."""
    _ask(["scancel", job_id])


def ending(facts: Mapping[str, str]) -> tuple[int | None, str | None]:
    """The exit code and the signal in what is `remembered` of a job; None for what is unknown.

    SLURM writes ``ExitCode=code:signal``.
    """
    match = re.fullmatch(r"(\d+):(\d+)", facts.get("ExitCode", ""))
    if not match:
        return None, None
    code, number = int(match[1]), int(match[2])
    if not number:
        return code, None
    return None, signal_name(number)


def _executor(script: Script, folder: Path, name: str, comment: str) -> _Executor:
    executor = _Executor(folder)
    executor.update_parameters(
        **{"time": None, "wckey": None, **script.options},
        job_name=name,
        comment=comment or None,
        setup=list(script.setup) or None,
        stderr_to_stdout=True,
        use_srun=False,  # the supervisor is the batch script itself: signals reach it alone
        additional_parameters={
            "signal": f"B:USR2@{script.warning_s}",
            "requeue" if script.requeue else "no-requeue": True,
            **script.more,
        },
    )
    return executor


def _command(script: Script, folder: Path) -> str:
    return f"exec {script.python} -u -m autoloop.engine.slurm.body {shlex.quote(str(folder))}"


def _as_from_outside(environ: Mapping[str, str]) -> list[str]:
    """A prefix for sbatch: what a job's own SLURM variables say must not go into the jobs it submits."""
    if "SLURM_JOB_ID" not in environ:
        return []
    own = [name for name in environ if name.startswith(("SLURM_", "SLURMD_")) and name != "SLURM_CONF"]
    return ["env", *(arg for name in sorted(own) for arg in ("-u", name))]


def _ask(argv: Sequence[str]) -> str | None:
    """Run one of SLURM's commands; None where it fails."""
    return ask(argv, _COMMAND_TIMEOUT_S)


def _one_line(text: str) -> str:
    """SLURM's message in one line."""
    lines = (re.sub(r"^\w+: (error: )?", "", line.strip()) for line in text.splitlines())
    return "; ".join(line for line in lines if line)
