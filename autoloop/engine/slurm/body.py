"""What a SLURM job runs: the supervisor of one training, which goes on without the main process."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autoloop.engine.execute import processes, zygote
from autoloop.engine.execute.gpus import visible
from autoloop.engine.execute.signals import signal_number
from autoloop.engine.execute.supervisor import Supervision
from autoloop.engine.execute.values import Assignment, Ended, EndedBy, Reply
from autoloop.engine.slots import Slot, slot_environment
from autoloop.engine.slurm.folder import JobFolder, SlurmRequest
from autoloop.engine.wandb_env import SERVICE_VARIABLES
from autoloop.store.redact import redact_all, reveal
from autoloop.study.own_words import ENDING, WORD
from autoloop.study.returned import number, plain

#: Orders to the supervisor, sent to it alone. SLURM sends the second one ahead of its time limit.
SIGNALS: Mapping[signal.Signals, EndedBy] = {signal.SIGUSR1: "stopped", signal.SIGUSR2: "timeout"}

#: Variable that names the directory of the start before, for a trainer that can go on from a checkpoint.
EARLIER_VARIABLE = "AUTOLOOP_EARLIER_DIR"


@dataclass(frozen=True, slots=True)
class Call:
    """The training itself, called in its own process."""

    index: int
    overrides: tuple[str, ...]
    restarts: int

    def __call__(self) -> Reply:
        """Run the job; its return value comes back as JSON."""
        from autoloop.engine.execute import hydra_job

        reply = hydra_job.run(self.index, self.overrides, self.restarts)
        return replace(reply, value=_as_json(reply.value._return_value) if not reply.error else None)


def main(folder: JobFolder) -> int:
    """Run the job of ``folder`` on this node; return the exit code for SLURM."""
    processes.become_subreaper()
    request = folder.read_request()
    restarts = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
    earlier = {number: start for number, start in folder.starts().items() if number < restarts}
    if any(is_result(start) for start in earlier.values()):
        return 0  # it had come to its end before SLURM noticed
    sys.path[:] = request.path
    zygote.keep_shared(folder.read_sweep(request), load=False)
    supervision = _ClusterSupervision(_assignment(request, restarts, earlier), folder, restarts)
    supervision.start()
    ended = supervision.watch()
    number = signal_number(ended.signal or "")
    return 128 + number if number else int(ended.exit_code or 0)


def is_result(status: Mapping[str, Any]) -> bool:
    """Whether a start came to an end that counts, and was not merely ended together with its SLURM job."""
    return status.get("state") == "ended" and status.get("ended_by") != "interrupted"


class _ClusterSupervision(Supervision):
    """Writes what it knows into the job's folder as well."""

    def __init__(self, assignment: Assignment, folder: JobFolder, restarts: int) -> None:
        super().__init__(assignment, channel=None, signals=SIGNALS)
        self._folder = folder
        self._restarts = restarts

    def _write_status(self, state: str, ended: Ended | None = None) -> None:
        super()._write_status(state, ended)
        value = (
            None if ended is None or ended.value is None else pickle.loads(ended.value)
        )  # of its own child
        status = {**self._status(state, ended), "job_dir": self._job_dir}
        status["slurm_job"] = os.environ.get("SLURM_JOB_ID")
        with contextlib.suppress(OSError):  # a full disk must not end the job
            safe = redact_all(status, os.environ, {**ENDING, "job_dir": WORD, "slurm_job": WORD})
            self._folder.write_start(self._restarts, {**safe, "value": value})


def _assignment(request: SlurmRequest, restarts: int, earlier: Mapping[int, Mapping[str, Any]]) -> Assignment:
    overrides = tuple(reveal(override, os.environ) for override in request.overrides)
    env = _environment()
    if earlier:
        env[EARLIER_VARIABLE] = str(earlier[max(earlier)].get("job_dir") or "")
    return Assignment(
        call=pickle.dumps(Call(request.index, overrides, restarts)),
        argv=None,
        job_dir=None,
        env=env,
        cwd=request.cwd,
        argv0=request.argv,
        limits=request.limits,
        slot=0,
        gpus=_gpus(os.environ),
        main_pid=None,
    )


def _environment() -> dict[str, str]:
    """The job's environment: SLURM's, with the defaults of a slot of as many cores as SLURM gave."""
    environ = {name: value for name, value in os.environ.items() if name not in SERVICE_VARIABLES}
    cores = len(os.sched_getaffinity(0))
    given = environ.get("SLURM_CPUS_PER_TASK") or environ.get("SLURM_CPUS_ON_NODE") or str(cores)
    slot = Slot(0, visible(environ.get("CUDA_VISIBLE_DEVICES", "")))
    defaults = slot_environment(slot, 1, min(cores, int(given)) if given.isdigit() else cores, environ)
    if "CUDA_VISIBLE_DEVICES" not in environ:  # SLURM pins no GPUs here, so neither do we
        del defaults["CUDA_VISIBLE_DEVICES"]
    return {**environ, **defaults}


def _gpus(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The GPUs that SLURM gave to the job, each with its node: ids begin anew on every node."""
    node = environ.get("SLURMD_NODENAME", "")
    ids = environ.get("SLURM_JOB_GPUS") or environ.get("CUDA_VISIBLE_DEVICES", "")
    return tuple(f"{node}:{gpu}" for gpu in ids.split(",") if gpu)


def _as_json(value: Any) -> Any:
    """The value in JSON's terms, None with a word in the log where it has none."""
    try:
        return json.loads(json.dumps(plain(value), default=_as_number))
    except (TypeError, ValueError) as problem:
        print(f"autoloop: the return value {value!r:.200} is lost: {problem}", file=sys.stderr)
        return None


def _as_number(value: Any) -> float:
    """What JSON has no word for as a number.

    Raises:
        TypeError: It is none.
    """
    read = number(value)
    if read is None:
        raise TypeError(f"{type(value).__name__} is no number")
    return read


if __name__ == "__main__":
    from autoloop.engine.slurm import body

    sys.exit(body.main(JobFolder(Path(sys.argv[1]))))
