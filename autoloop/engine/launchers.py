"""What a study asks of a launcher.

`JobLauncher` is the one object that the runner asks. It wraps any Hydra launcher, once: what it can do
beside ``launch`` is known by which of `Streams`, `Stops`, `Adopts` and `HasPlaces` it keeps, and
`autoloop.testing.check_launcher` holds it to them. What is known of other people's launchers, which keep
none of these, is in `autoloop.engine.other_launchers`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import TaskFunction

from autoloop.engine.execute.values import Outcome, Placed
from autoloop.engine.inside.body import JobBody
from autoloop.engine.inside.watch import Inside
from autoloop.engine.other_launchers import Due, Returned, kind_of, prepare, stream_singly
from autoloop.engine.slots import Places
from autoloop.store.redact import logger


@runtime_checkable
class Streams(Protocol):
    """A launcher that reports each job as it ends, and starts one whenever there is room."""

    def stream(self, jobs: Iterable[Due]) -> Generator[Outcome | Placed, None, None]:
        """Run jobs and yield how each ended, in the order of their ends.

        Closing what is returned ends it. Where jobs outlive this process, `Placed` tells where each went,
        before its end.

        Args:
            jobs: Pairs of job number and overrides. One is taken when there is room for it, and only then;
                the iterable may block, and what it raises is raised here when the jobs out have ended.
        """
        ...


@runtime_checkable
class Stops(Protocol):
    """A launcher that ends single jobs; those of others are watched, and end themselves, from inside."""

    def stop(self, index: int) -> bool:
        """End a running job, politely first, as ``stopped``; return whether it was running."""
        ...


@runtime_checkable
class Adopts(Protocol):
    """A launcher whose jobs outlive the main process."""

    def adopt(self, index: int, overrides: Sequence[str], handle: Mapping[str, str]) -> bool:
        """Let the next ``stream`` report the end of a job that an earlier process started.

        Args:
            index: Number of the job.
            overrides: Its overrides.
            handle: The handle of its `Placed`; empty if that was not written down.

        Returns:
            Whether there ever was such a job.
        """
        ...


@runtime_checkable
class HasPlaces(Protocol):
    """A launcher that knows how many jobs run at a time."""

    def places(self) -> Places:
        """Where jobs run.

        Raises:
            ConfigError: Its settings cannot be used here.
        """
        ...


@runtime_checkable
class _HasTask(Protocol):
    """A launcher that keeps the task where Hydra's own do."""

    task_function: TaskFunction


class JobLauncher:
    """What a study asks of its launcher, whichever it is.

    Args:
        launcher: Any Hydra launcher, set up.

    Attributes:
        kind: What is known of it.
    """

    def __init__(self, launcher: Launcher) -> None:
        self.kind = kind_of(launcher)
        _keep_log_clean(launcher)
        self._hydra = launcher
        self._streaming = launcher if isinstance(launcher, Streams) else None
        self._stopping = launcher if isinstance(launcher, Stops) else None
        self._adopting = launcher if isinstance(launcher, Adopts) else None
        self._placing = launcher if isinstance(launcher, HasPlaces) else None

    @property
    def streams(self) -> bool:
        """Whether it reports each job itself, and keeps what jobs print off the terminal."""
        return self._streaming is not None

    @property
    def singly(self) -> bool:
        """Whether jobs go to it one by one, and each end is known at once; else it is given batches."""
        return self.streams or self.kind.singly

    @property
    def stops(self) -> bool:
        """Whether it can end a job; else jobs watch themselves."""
        return self._stopping is not None

    @property
    def outlived(self) -> bool:
        """Whether its jobs go on when this process ends."""
        return self._adopting is not None

    def places(self) -> Places | None:
        """Where jobs run; None where the launcher does not tell.

        Raises:
            ConfigError: Its settings cannot be used here.
        """
        return None if self._placing is None else self._placing.places()

    def room(self, n_jobs: int | None) -> int | None:
        """How many jobs run at a time: as many as it has slots, else as many as are asked for."""
        places = self.places()
        return n_jobs if places is None or places.slots is None else len(places.slots)

    def to_fill(self, n_jobs: int | None) -> int | None:
        """Of how many slots none is to stand idle; None where idle ones are no waste."""
        places = self.places()
        return self.room(n_jobs) if places is None or places.to_fill else None

    def prepare(self, n_jobs: int | None) -> None:
        """Find out whether jobs can run, and do what must be done before; see `prepare`."""
        self.places()
        prepare(self._hydra, n_jobs)

    def watch_from_inside(self, inside: Inside) -> None:
        """Let jobs end themselves by stop rule and time limit, where the launcher cannot end them."""
        body = self._hydra.task_function if isinstance(self._hydra, _HasTask) else None
        if isinstance(body, JobBody) and not self.stops:
            body.inside = inside

    def stream(self, jobs: Iterable[Due]) -> Generator[Outcome | Placed | Returned, None, None]:
        """Run jobs and report each; of one that streams see `Streams`, of others `stream_singly`."""
        if self._streaming is not None:
            return self._streaming.stream(jobs)
        return stream_singly(self._hydra, jobs)

    def launch(self, overrides: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        """Run a batch of jobs with consecutive numbers, as Hydra does."""
        return self._hydra.launch(overrides, initial_job_idx=first)

    def stop(self, index: int) -> bool:
        """End a running job; return whether it was running."""
        return self._stopping is not None and self._stopping.stop(index)

    def adopt(self, index: int, overrides: Sequence[str], handle: Mapping[str, str]) -> bool:
        """Look after a job that an earlier process started; False where that ended with the process."""
        return self._adopting is not None and self._adopting.adopt(index, overrides, handle)


def _keep_log_clean(launcher: Launcher) -> None:
    """Take secrets out of what a launcher logs: most show the overrides of each job.

    By custom a logger has the name of its module, and launchers have a module ``_core`` beside their own.
    """
    module = type(launcher).__module__
    for name in (module, f"{module.rpartition('.')[0]}._core"):
        logger(name)
