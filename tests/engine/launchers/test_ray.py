"""Studies on a real Ray cluster of two nodes: what is lost when a job, a node or the main process dies."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoloop.store.journal import read_study
from autoloop.study.record import Job, Study
from tests.helpers.studies_app.launch import FOUR_JOBS, Ran, environment, kill, run, start

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
]

RAY = (
    "hydra/launcher=ray",
    "hydra.sweeper.stop_rules=none",
    "+hydra.launcher.ray.remote.num_gpus=1",
    "+hydra.launcher.ray.remote.num_cpus=1",
)
WAIT_S = 120


class Nodes:
    """The cluster, in a process of its own."""

    def __init__(self, directory: Path) -> None:
        script = Path(__file__).with_name("ray_nodes.py")
        self._log = (directory / "ray.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.address = self._process.stdout.readline().strip()
        assert self.address, (directory / "ray.log").read_text()

    @property
    def words(self) -> tuple[str, ...]:
        return (*RAY, f"hydra.launcher.ray.init.address='{self.address}'")

    def order(self, word: str) -> None:
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def close(self) -> None:
        self._process.communicate(timeout=60)
        self._log.close()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    os.environ["RAY_AUTH_MODE"] = "disabled"
    cluster = Nodes(tmp_path_factory.mktemp("ray"))
    yield cluster
    cluster.close()
    del os.environ["RAY_AUTH_MODE"]


def until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not found():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def status_of(study_dir: Path) -> dict[int, dict[str, object]]:
    return {int(path.parent.name): json.loads(path.read_text()) for path in study_dir.glob("*/status.json")}


def running(study_dir: Path) -> dict[int, dict[str, object]]:
    return {job: status for job, status in status_of(study_dir).items() if status["state"] == "running"}


def beside(job: Job, study: Study) -> list[Job]:
    """Jobs that ran when this one started, itself included."""
    jobs = [other for other in study.jobs.values() if other.started]
    return [other for other in jobs if other.started_at <= job.started_at < other.ended_at]


def most_on_one_gpu(study: Study) -> int:
    """The largest number of jobs that saw one GPU at the same time."""
    most = 0
    for job in study.jobs.values():
        seen = Counter(gpu for other in beside(job, study) for gpu in other.gpus)
        most = max(most, *seen.values())
    return most


@pytest.mark.timeout(900)
def test_three_rounds_of_the_built_in_task_each_job_on_a_gpu_of_its_own(nodes, tmp_path):
    """Histories come back from both nodes, and no two jobs see one GPU at the same time."""
    study_dir = tmp_path / "s"
    command = [sys.executable, "-m", "autoloop.train", "-m", "cluster=ray", "rounds=3", "steps=10"]
    command += ["log_freq=5", "eval_freq=10", f"hydra.sweep.dir={study_dir}", "stop_rules=none"]
    command += ["hydra.launcher.ray.remote.num_cpus=1"]
    command += [f"hydra.launcher.ray.init.address='{nodes.address}'"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=800, check=False
    )
    study = read_study(study_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(study.of_round(1)) == 4
    assert study.rounds == [1, 2, 3]
    assert {job.state.value for job in study.counted()} == {"COMPLETE"}
    assert all(job.steps == 10 for job in study.counted())
    assert {gpu for job in study.counted() for gpu in job.gpus} > {"0"}
    assert most_on_one_gpu(study) == 1


def test_fractions_of_a_gpu_are_shared_by_so_many_jobs(nodes, tmp_path):
    """Half a GPU each: at most two jobs see one GPU."""
    variants = ",".join(f"v{number}:{{x@mul:0.{number}}}" for number in range(2, 8))
    words = ("+hydra.launcher.ray.remote.num_gpus=0.5", "+hydra.launcher.ray.remote.num_cpus=0.5")
    done = run(
        tmp_path / "s",
        f"autoloop.variants={{{variants}}}",
        "sleep_s=1",
        "hydra/launcher=ray",
        "hydra.sweeper.stop_rules=none",
        *words,
        f"hydra.launcher.ray.init.address='{nodes.address}'",
        "n_jobs=8",
    )
    assert done.code == 0, done.output
    assert most_on_one_gpu(done.study) == 2


def ends_of(study_dir: Path, process: subprocess.Popen[str]) -> Ran:
    output = process.communicate(timeout=300)[0]
    return Ran(study_dir, process.returncode, output)


def test_a_killed_job_is_one_failed_trial(nodes, tmp_path):
    """Ray itself would have started it again three times, in the same directory."""
    study_dir = tmp_path / "s"
    process = start(study_dir, FOUR_JOBS, "sleep_s=5", *nodes.words, "n_jobs=4")
    until(lambda: 2 in running(study_dir))
    os.kill(running(study_dir)[2]["pid"], signal.SIGKILL)
    done = ends_of(study_dir, process)
    assert done.states() == {"baseline": "COMPLETE", "a": "COMPLETE", "b": "FAILED", "c": "COMPLETE"}
    assert "the launcher lost the job: WorkerCrashedError" in done.study.by_name("b").error
    assert done.code == 1


def test_a_node_that_dies_costs_its_jobs_and_not_the_round(nodes, tmp_path):
    """The jobs of the other node complete, and a second round runs on what is left."""
    study_dir = tmp_path / "s"
    process = start(study_dir, FOUR_JOBS, "rounds=2", "sleep_s=6", *nodes.words, "n_jobs=4")
    until(lambda: len(running(study_dir)) == 4)
    on_second = {job for job, status in status_of(study_dir).items() if set(status["gpus"]) & {"2", "3"}}
    assert len(on_second) == 2
    nodes.order("kill")
    done = ends_of(study_dir, process)
    nodes.order("start")
    first = {job.job: job.state.value for job in done.study.of_round(1)}
    assert first == {job: "FAILED" if job in on_second else "COMPLETE" for job in range(4)}, done.output
    assert {job.state.value for job in done.study.of_round(2)} == {"COMPLETE"}


def test_a_killed_study_goes_on(nodes, tmp_path):
    """Ray ends the jobs of a main process that dies; they run again, in fresh directories."""
    study_dir = tmp_path / "s"
    words = (FOUR_JOBS, "rounds=2", "sleep_s=1", *nodes.words, "n_jobs=2")
    process = start(study_dir, *words)
    until(lambda: len(status_of(study_dir)) >= 3)
    kill(process)
    before = {job.job: job for job in read_study(study_dir).jobs.values() if job.state}
    done = run(study_dir, *words)
    assert done.code == 0, done.output
    assert set(done.states().values()) == {"COMPLETE"}
    assert {number: done.study.jobs[number] for number in before} == before
    numbers = (study_dir / ".ran").read_text().split()
    assert len(numbers) == len(set(numbers))
