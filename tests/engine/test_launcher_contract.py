"""`check_launcher` holds a launcher to what the runner asks of it, and says which promise is broken."""

from pathlib import Path

import pytest
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from autoloop.engine.execute.values import Outcome
from autoloop.engine.launchers import JobLauncher
from autoloop.engine.slots import Places, Slot
from autoloop.testing import check_launcher

pytestmark = pytest.mark.filterwarnings("ignore:The version_base parameter is deprecated")


def test_the_slots_launcher_keeps_it(tmp_path: Path):
    check_launcher("slots", tmp_path, "hydra.launcher.n_jobs=2", "hydra.launcher.gpus=[]")


class Imagined(Launcher):
    """A launcher that runs nothing and tells what the runner wants to hear."""

    def __init__(self) -> None:
        self.lasting = True

    def setup(self, **_):
        """Nothing is needed."""

    def launch(self, job_overrides, initial_job_idx):
        return [self.returned(words) for words in job_overrides]

    def returned(self, words):
        done = JobReturn(overrides=words, status=JobStatus.COMPLETED)
        done.return_value = int(words[1].split("=")[1])
        if words[0] == "+do=raise":
            done.status = JobStatus.FAILED
        return done

    def places(self):
        return Places((Slot(0),))

    def stream(self, jobs):
        for index, words in jobs:
            yield from self.ends(index, words)

    def ends(self, index, words):
        ended_by = "stopped" if words[0] == "+do=last" else None
        yield Outcome(index, exit_code=int(words[0] == "+do=raise"), ended_by=ended_by)

    def stop(self, index):
        was, self.lasting = self.lasting, self.lasting and index != 20
        return was and index == 20


class Silent(Imagined):
    def places(self):
        return Places(None)

    def ends(self, index, words):
        return iter(())


class Twice(Imagined):
    def ends(self, index, words):
        return [*super().ends(index, words), *super().ends(index, words)]


class Greedy(Imagined):
    def stream(self, jobs):
        return super().stream(list(jobs))


class Unclosed(Imagined):
    def stream(self, jobs):
        return iter(super().stream(jobs).__next__, None)


class Sure(Imagined):
    def stop(self, index):
        return True


class Unplaced(Imagined):
    def places(self):
        return Places((Slot(1),))


class Mute(Imagined):
    stream = None


class Gullible(Imagined):
    def adopt(self, index, overrides, handle):
        return True


class Careless(Imagined):
    def returned(self, words):
        done = super().returned(words)
        done.status = JobStatus.COMPLETED
        return done


BROKEN = {
    Silent: "tells of the ends of",
    Twice: "twice",
    Greedy: "takes a job while 2 are out in 1 slots",
    Unclosed: "cannot be closed",
    Sure: "stops a job that there never was",
    Unplaced: "does not count slots from 0",
    Gullible: "adopts a job that there never was",
    Mute: "has stop without stream",
    Careless: "does not tell the job that failed",
}


@pytest.mark.parametrize("kind", [Imagined, *BROKEN])
def test_a_broken_promise_is_said(kind, tmp_path, monkeypatch):
    """And one who keeps all is let through: the checks ask for nothing else."""
    monkeypatch.setattr(Plugins, "instantiate_launcher", lambda self, **_: kind())
    if kind is Imagined:
        return check_launcher("basic", tmp_path)
    with pytest.raises(AssertionError, match=BROKEN[kind]):
        check_launcher("basic", tmp_path)
    return None


class Plain(Launcher):
    def setup(self, **_):
        """Nothing is needed."""

    def launch(self, job_overrides, initial_job_idx):
        return []


def test_one_object_answers_for_any_launcher():
    plain, ours = JobLauncher(Plain()), JobLauncher(Imagined())
    assert (plain.streams, plain.singly, plain.stops, plain.outlived) == (False, False, False, False)
    assert (plain.places(), plain.room(3), plain.to_fill(3), plain.stop(0)) == (None, 3, 3, False)
    assert not plain.adopt(0, [], {})
    assert (ours.streams, ours.singly, ours.stops, ours.outlived) == (True, True, True, False)
    assert (ours.room(3), ours.to_fill(3), ours.room(None)) == (1, 1, 1)
