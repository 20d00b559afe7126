"""What the tests do to the cluster, and studies run on it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from autoloop.engine.execute.processes import descendants
from autoloop.store.journal import FILE_NAME
from autoloop.study.record import Study
from tests.helpers.studies_app.launch import Ran, command, environment

SLURM = (
    "hydra/launcher=slurm",
    "hydra.launcher.gres=gpu:1",
    "hydra.launcher.poll_s=0.3",
    "hydra.launcher.lost_after_s=3",
    "+autoloop.live=false",
)
LIMIT_S = 90


class Cluster:
    """The nodes n1 to n3, each with four cores and two GPUs."""

    def __init__(self, base: Path) -> None:
        self.base = base

    def kill_node(self, node: str) -> None:
        """Kill the daemon of a node and everything that runs on it, at once."""
        jobs = asked("squeue", "--noheader", f"--nodelist={node}", "--format=%i").split()
        doomed = [int((self.base / f"slurmd.{node}.pid").read_text())]
        doomed += [pid for pid in descendants(1) if any(f"[{job}.batch]" in _name(pid) for job in jobs)]
        doomed += [below for pid in doomed for below in descendants(pid)]
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start_node(self, node: str) -> None:
        """Start the daemon of a node again and wait until SLURM gives it jobs."""
        asked("slurmd", "-N", node)
        wait_until(lambda: self.state_of(node) == "idle")

    def state_of(self, node: str) -> str:
        """What SLURM says of a node."""
        told = asked(
            "sinfo", "--noheader", "--Node", "--format=%N %T"
        )  # of one node alone it tells stale news
        return dict(line.split() for line in told.splitlines())[node]

    def clear(self) -> None:
        """Take all jobs out, start daemons that are gone, and wait until every node is free."""
        subprocess.run(["scancel", "--me"], check=False, stderr=subprocess.DEVNULL)  # one may just have ended
        for number in (1, 2, 3):
            node = f"n{number}"
            if self.state_of(node).startswith("down"):
                asked("slurmd", "-N", node)
        try:
            wait_until(lambda: not queued() and all(self.state_of(f"n{n}") == "idle" for n in (1, 2, 3)))
        except AssertionError:
            raise AssertionError(f"jobs or nodes are not done:\n{self}") from None

    def __str__(self) -> str:
        return asked("squeue", "--states=all") + asked("sinfo", "--Node", "--long")

    def node_of(self, job_id: str) -> str:
        """The node a job runs on."""
        return asked("squeue", "-h", "-j", job_id, "-o", "%N").strip()


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def asked(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def queued() -> list[str]:
    """Ids of the jobs that wait or run."""
    return asked("squeue", "--noheader", "--format=%i").split()


def wait_until(met: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for a condition, and not in vain for what a process that has ended would have done."""
    deadline = time.monotonic() + LIMIT_S
    while not met():
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def events(study_dir: Path) -> list[dict[str, object]]:
    """The journal so far."""
    path = study_dir / FILE_NAME
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def handles(study_dir: Path) -> dict[int, str]:
    """Job number -> SLURM's id for it, as far as the journal knows."""
    placed = [event for event in events(study_dir) if event["event"] == "placed"]
    return {event["job"]: event["handle"]["slurm_job"] for event in placed}


def ran(study_dir: Path) -> list[int]:
    """Numbers of the jobs whose task was called, in order."""
    path = study_dir / ".ran"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def start(
    study_dir: Path, *overrides: str, script: str = "app.py", **variables: str
) -> subprocess.Popen[str]:
    """Start a study of the small app on SLURM and leave it running."""
    study_dir.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        command(study_dir, *SLURM, *overrides, script=script),
        env=environment(**variables),
        cwd=study_dir.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def end_of(process: subprocess.Popen[str], study_dir: Path) -> Ran:
    """Wait for a study's process, and print what ended how."""
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    done = Ran(study_dir, process.returncode, output)
    tell(done.study)
    return done


def run(study_dir: Path, *overrides: str, **kwargs: str) -> Ran:
    return end_of(start(study_dir, *overrides, **kwargs), study_dir)


def tell(study: Study) -> None:
    for job in study.jobs.values():
        where = f"SLURM job {job.handle.get('slurm_job', '-')} on {','.join(job.gpus) or '-'}"
        state = job.state.value if job.state else "running"
        print(f"  job {job.job} {job.name}: {state} in {job.run_dir} ({where}) {job.error}", flush=True)


def shared_gpus(study: Study) -> list[tuple[int, int]]:
    """Pairs of jobs that had one GPU at the same time."""
    jobs = [job for job in study.jobs.values() if job.gpus]
    return [
        (one.job, other.job)
        for one in jobs
        for other in jobs
        if one.job < other.job
        and set(one.gpus) & set(other.gpus)
        and one.started_at < other.ended_at
        and other.started_at < one.ended_at
    ]
