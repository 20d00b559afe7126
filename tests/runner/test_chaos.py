"""Studies killed again and again, resumed each time: in the end they are what they would have been."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autoloop.store.journal import FILE_NAME
from tests.helpers.studies_app.launch import FOUR_JOBS, Ran, command, environment, run, run_until

ARGUMENTS = (FOUR_JOBS, "rounds=3", "n_jobs=2")
RANDOM_KILLS = 100
KILLS_OF_A_STUDY = 10
MARK = "TEST_CHAOS_STUDY"
AT_ONCE = 2  # studies

Point = tuple[str, str]  # "before" or "after", and which line: see interrupted.py


@dataclass
class Figures:
    """What became of the jobs of killed studies.

    Attributes:
        kills: SIGKILLs that hit a running main process.
        within_resume: At least so many of them hit one that was going on with a study, before its first job.
        resumes: Starts on a study that was there already.
        lost: Variants that never ran to completion.
        doubled: Variants that ran to completion more than once, and jobs whose task was called twice.
        overwritten: Directories that two jobs used, or that hold another job's history.
        orphans: Processes left at the end.
        differing: Studies whose plans or decisions differ from those of an undisturbed one.
    """

    kills: int = 0
    within_resume: int = 0
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
    planned = [(job.name, job.round, job.plan) for job in study.counted()]
    return [planned, study.decisions, study.refused, study.stopped and study.stopped.best]


def count(done: Ran, undisturbed: Ran, mark: str) -> Figures:
    """Look for what must not happen."""
    if done.code != 0:
        return Figures(failed=[done.output])
    jobs = done.study.jobs.values()
    complete = [job for job in jobs if job.state and job.state.value == "COMPLETE"]
    results = Counter(job.name for job in complete)
    called = Counter((done.study_dir / ".ran").read_text().split())
    dirs = Counter(job.run_dir for job in jobs if job.run_dir)
    of_others = [job for job in complete if job.details.run_id != f"job{job.job}"]
    lines = Counter(
        (event["event"], event["job"]) for event in done.events if event["event"] in ("job", "trial")
    )
    names = {job.name for job in undisturbed.study.jobs.values()}
    return Figures(
        lost=len(names - set(results)),
        doubled=sum(many > 1 for many in (*results.values(), *called.values(), *lines.values())),
        overwritten=sum(many > 1 for many in dirs.values()) + len(of_others),
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


def killed_at_lines(study_dir: Path, points: Sequence[Point], undisturbed: Ran) -> Figures:
    """Kill a study at one line after the other, then let it go on to its end."""
    mark, total = uuid.uuid4().hex, Figures()
    for when, line in points:
        killed = run_until(study_dir, when, line, *ARGUMENTS, marks={MARK: mark})
        total.kills += killed.code == -9
        total.within_resume += in_resume(killed)
        total.resumes += 1
    total.add(count(run(study_dir, *ARGUMENTS, variables={MARK: mark}), undisturbed, mark))
    return total


def killed_at_random(study_dir: Path, kills: int, seed: int, undisturbed: Ran) -> Figures:
    """Kill a study at random moments, as often as asked or until it is through, then let it go on."""
    chance, mark, total = random.Random(seed), uuid.uuid4().hex, Figures()
    study_dir.parent.mkdir(parents=True)
    for _ in range(kills):
        code = kill_at_random(study_dir, chance, mark)
        if code == 0:
            break
        total.kills += code == -9
        total.within_resume += in_resume(Ran(study_dir, code, ""))
        total.resumes += 1
    total.add(count(run(study_dir, *ARGUMENTS, variables={MARK: mark}), undisturbed, mark))
    return total


def kill_at_random(study_dir: Path, chance: random.Random, mark: str) -> int:
    """Run a study and kill it: a random time after its start, or after it wrote some random line."""
    lines, wait_s = chance.choice([(0, 3.0), (1, 0.3), (2, 0.3), (4, 0.5), (8, 0.5)])
    process = subprocess.Popen(
        command(study_dir, *ARGUMENTS),
        env=environment(**{MARK: mark}),
        cwd=study_dir.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    wanted = written(study_dir) + lines
    while written(study_dir) < wanted and process.poll() is None:
        time.sleep(0.005)
    try:
        process.wait(chance.uniform(0.0, wait_s))
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait()


def written(study_dir: Path) -> int:
    """Number of lines in a study's journal."""
    journal = study_dir / FILE_NAME
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def in_resume(killed: Ran) -> bool:
    """Whether a process that was killed had gone on with a study and not yet started a job."""
    kinds = [event["event"] for event in killed.events] if written(killed.study_dir) else []
    own = itertools.takewhile(lambda kind: kind != "resume", reversed(kinds))
    return killed.code == -9 and "resume" in kinds and "job" not in own


def check(title: str, total: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    """Print the figures; all that must not happen did not."""
    shown = ", ".join(f"{name} {value}" for name, value in vars(total).items() if name != "failed")
    with capsys.disabled():
        print(f"\n{title}: {shown}", flush=True)
    assert total.failed == []
    bad = (total.lost, total.doubled, total.overwritten, total.orphans, total.differing)
    assert bad == (0, 0, 0, 0, 0)


def at_every_line(undisturbed: Ran) -> list[list[Point]]:
    """Points of kills, those of one study in a list: each line that an undisturbed study writes, both ways.

    A study is killed at most once in each of its rounds, so that each kill finds the line it waits for.
    """
    by_round: dict[int, list[Point]] = {1: [], 2: [], 3: []}
    last = undisturbed.study.rounds[-1]
    for event in undisturbed.events:
        which = event.get("name") or event.get("round") or 1
        number = 1 if event["event"] == "study" else int(str(event.get("round", last)))
        by_round[number] += [("before", f"{event['event']}:{which}"), ("after", f"{event['event']}:{which}")]
    rows = itertools.zip_longest(*by_round.values())
    return [[point for point in row if point] for row in rows]


#: Each line that going on with a study writes by itself, both ways: two jobs were running.
WITHIN_RESUME: list[Point] = [
    ("after", "job:2"),
    *(
        (when, line)
        for line in ("resume:1", "trial:1", "trial:2", "requeue:1", "requeue:2")
        for when in ("before", "after")
    ),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    done = run(tmp_path_factory.mktemp("undisturbed") / "s", *ARGUMENTS)
    assert done.code == 0, done.output
    assert len(done.study.jobs) == 12
    return done


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_study_survives_a_kill_at_every_line_of_its_journal(tmp_path, undisturbed, capsys):
    """SIGKILL before and after each of its lines is written: nothing is lost, run twice or overwritten."""
    chains = [WITHIN_RESUME, *at_every_line(undisturbed)]
    points = [point for chain in chains for point in chain]
    assert len(points) == 2 * len(undisturbed.events) + len(WITHIN_RESUME)

    def one(number: int) -> Figures:
        return killed_at_lines(tmp_path / str(number) / "s", chains[number], undisturbed)

    total = Figures()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for figures in threads.map(one, range(len(chains))):
            total.add(figures)
    check("killed at every line", total, capsys)
    assert total.kills == len(points)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_study_survives_a_hundred_kills_at_random(tmp_path, undisturbed, capsys):
    """The same at random moments, several times in one study, also while it is going on after a kill."""
    total, studies = Figures(), itertools.count()
    seed = int(os.environ.get("TEST_CHAOS_SEED", "0"))

    def one(number: int) -> Figures:
        study_dir = tmp_path / str(number) / "s"
        return killed_at_random(study_dir, KILLS_OF_A_STUDY, seed + number, undisturbed)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        while total.kills < RANDOM_KILLS:
            for figures in threads.map(one, itertools.islice(studies, AT_ONCE)):
                total.add(figures)
            assert total.failed == []
    check("killed at random", total, capsys)
    assert total.within_resume > 0
