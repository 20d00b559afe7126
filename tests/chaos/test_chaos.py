"""Studies killed again and again, resumed each time: in the end they are what they would have been."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.studies_app.launch import FOUR_JOBS, Ran, command, environment, run, run_until

ARGUMENTS = (FOUR_JOBS, "rounds=3", "n_jobs=2")
RANDOM_KILLS = 100
MARK = "TEST_CHAOS_STUDY"
AT_ONCE = 2  # studies


@dataclass
class Figures:
    """What became of the jobs of killed studies.

    Attributes:
        kills: SIGKILLs that hit a running main process.
        resumes: Starts on a study that was there already.
        lost: Variants that never ran to completion.
        doubled: Variants that ran to completion more than once, and jobs whose task was called twice.
        overwritten: Directories that two jobs used.
        orphans: Processes left at the end.
        differing: Studies whose plans or decisions differ from those of an undisturbed one.
    """

    kills: int = 0
    resumes: int = 0
    lost: int = 0
    doubled: int = 0
    overwritten: int = 0
    orphans: int = 0
    differing: int = 0
    failed: list[str] = field(default_factory=list)

    def add(self, other: Figures) -> None:
        """Add the figures of another study."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def course(done: Ran) -> list[Any]:
    """What a study planned and decided, whatever happened to its processes."""
    study = done.study
    planned = [(job.name, job.round, job.plan) for job in study.jobs.values() if job.retry_of is None]
    return [planned, study.decisions, study.refused]


def count(done: Ran, undisturbed: Ran, mark: str) -> Figures:
    """Look for what must not happen."""
    if done.code != 0:
        return Figures(failed=[done.output])
    jobs = done.study.jobs.values()
    complete = Counter(job.name for job in jobs if job.state and job.state.value == "COMPLETE")
    called = Counter((done.study_dir / ".ran").read_text().split())
    dirs = Counter(job.run_dir for job in jobs if job.run_dir)
    lines = Counter(
        (event["event"], event["job"]) for event in done.events if event["event"] in ("job", "trial")
    )
    names = {job.name for job in undisturbed.study.jobs.values()}
    return Figures(
        lost=len(names - set(complete)),
        doubled=sum(many > 1 for many in (*complete.values(), *called.values(), *lines.values())),
        overwritten=sum(many > 1 for many in dirs.values()),
        orphans=len(left_over(mark)),
        differing=int(course(done) != course(undisturbed)),
    )


def left_over(mark: str, patience_s: float = 20.0) -> list[int]:
    """Pids of the living processes of a marked study, after what its supervisors need to end them."""
    deadline = time.monotonic() + patience_s
    while (pids := list(marked(mark))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return pids


def marked(mark: str) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (
                f"{MARK}={mark}".encode() in (path / "environ").read_bytes()
                and "Z" not in (path / "stat").read_text().rpartition(")")[2][:3]
            ):
                yield int(path.name)
        except OSError:  # noqa: PERF203 - it has ended
            continue


def killed_at_a_line(study_dir: Path, line: int, when: str, undisturbed: Ran) -> Figures:
    """Kill a study before or after it writes one line, then let it go on."""
    mark = uuid.uuid4().hex
    killed = run_until(study_dir, when, str(line), *ARGUMENTS, marks={MARK: mark})
    done = run(study_dir, *ARGUMENTS, variables={MARK: mark})
    figures = count(done, undisturbed, mark)
    figures.kills, figures.resumes = int(killed.code == -9), 1
    return figures


def killed_at_random(study_dir: Path, kills: int, seed: int, undisturbed: Ran) -> Figures:
    """Kill a study at random moments, as often as asked or until it is through, then let it go on."""
    chance, mark = random.Random(seed), uuid.uuid4().hex
    total = Figures()
    study_dir.parent.mkdir(parents=True)
    for _ in range(kills):
        process = subprocess.Popen(
            command(study_dir, *ARGUMENTS),
            env=environment(**{MARK: mark}),
            cwd=study_dir.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        try:
            process.wait(chance.uniform(0.5, 4.0))
        except subprocess.TimeoutExpired:
            process.kill()
            total.kills += 1
        process.wait()
        if process.returncode == 0:
            break
        total.resumes += 1
    total.add(count(run(study_dir, *ARGUMENTS, variables={MARK: mark}), undisturbed, mark))
    return total


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    done = run(tmp_path_factory.mktemp("undisturbed") / "s", *ARGUMENTS)
    assert done.code == 0, done.output
    assert len(done.study.jobs) == 12
    return done


def check(title: str, total: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    """Print the figures; all that must not happen did not."""
    shown = ", ".join(f"{name} {value}" for name, value in vars(total).items() if name != "failed")
    with capsys.disabled():
        print(f"\n{title}: {shown}", flush=True)
    assert total.failed == []
    bad = (total.lost, total.doubled, total.overwritten, total.orphans, total.differing)
    assert bad == (0, 0, 0, 0, 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_study_survives_a_kill_at_every_line_of_its_journal(tmp_path, undisturbed, capsys):
    """SIGKILL before and after each of its lines is written: nothing is lost, run twice or overwritten."""
    points = list(itertools.product(range(1, len(undisturbed.events) + 1), ("before", "after")))

    def one(point: tuple[int, str]) -> Figures:
        return killed_at_a_line(tmp_path / f"{point[0]}_{point[1]}" / "s", *point, undisturbed)

    total = Figures()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for figures in threads.map(one, points):
            total.add(figures)
    assert total.kills == len(points)
    check(f"killed at every line ({len(points)} studies)", total, capsys)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_study_survives_a_hundred_kills_at_random(tmp_path, undisturbed, capsys):
    """The same at random moments, several times in one study."""
    total, studies = Figures(), itertools.count()
    seed = int(os.environ.get("TEST_CHAOS_SEED", "0"))

    def one(number: int) -> Figures:
        return killed_at_random(tmp_path / str(number) / "s", 10, seed + number, undisturbed)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        while total.kills < RANDOM_KILLS:
            for figures in threads.map(one, itertools.islice(studies, AT_ONCE)):
                total.add(figures)
            assert total.failed == []
    check("killed at random", total, capsys)
