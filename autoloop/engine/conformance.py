"""The contract of a launcher, checked by running small jobs with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig

from autoloop.engine.execute.values import Outcome, Placed
from autoloop.engine.launchers import Adopts, HasPlaces, Stops, Streams
from autoloop.engine.other_launchers import Due
from autoloop.engine.slots import Slot

#: Overrides of a job that returns a number, of one that raises, and of one that lasts until it is ended.
RETURN, RAISE, LAST = "+do=return", "+do=raise", "+do=last"

#: Number of a job that there never was.
_NO_JOB = 987_654

#: Seconds that a job lasts which nobody ends; a launcher that cannot end it fails, and does not hang.
_LONGEST_S = 60


def check_launcher(name: str, sweep_dir: Path, *overrides: str) -> None:
    """Check that a launcher keeps what a study builds on; runs about ten jobs that need no GPU.

    ``launch``, which every Hydra launcher has, must return what the jobs of a batch returned, in their
    order; a job that raises is a return that failed and takes no other along.
    With ``stream`` it must report each job once, take a job only when there is room for it, report one
    that raised like any other, and let itself be closed. With ``stop`` it must have ``stream``, end a
    running job as ``stopped``, and return False for a job that does not run. With ``places`` it must
    return slots that are numbered from 0, or none. With ``adopt`` it must have ``stream``, refuse a job
    that there never was, and tell where each job was placed in words that JSON can hold.

    Args:
        name: As in ``hydra/launcher=<name>``; it need not be one that was made for autoloop.
        sweep_dir: A directory for the jobs, which is there.
        overrides: What else a user would say, such as ``hydra.launcher.n_jobs=2``.

    Raises:
        AssertionError: It breaks one of these promises.
    """
    with _launcher(name, sweep_dir, overrides) as launcher:
        _check_places(launcher)
        _check_launch(launcher)
        if isinstance(launcher, Streams):
            _check_stream(launcher)
        else:
            _promise(not isinstance(launcher, Stops), "has stop without stream")
            _promise(not isinstance(launcher, Adopts), "has adopt without stream")
        if isinstance(launcher, Stops) and isinstance(launcher, Streams):
            _check_stop(launcher, launcher.stream)
        if isinstance(launcher, Adopts):
            taken = launcher.adopt(_NO_JOB, [RETURN], {})
            _promise(not taken, "adopts a job that there never was")


@contextmanager
def _launcher(name: str, sweep_dir: Path, overrides: Sequence[str]) -> Iterator[Launcher]:
    """The launcher as a sweep would set it up; afterwards Hydra is as it was."""
    state = Singleton.get_state()
    own = [f"hydra/launcher={name}", f"hydra.sweep.dir='{sweep_dir}'", "hydra.mode=MULTIRUN"]
    try:
        with initialize(version_base="1.3", config_path=None):
            all_overrides = [*own, "hydra.job.name=check_launcher", *overrides]
            config = compose(overrides=all_overrides, return_hydra_config=True)
            HydraConfig.instance().set_config(config)
            loader = GlobalHydra.instance().config_loader()
            context = HydraContext(config_loader=loader, callbacks=Callbacks(config))
            yield Plugins.instance().instantiate_launcher(
                hydra_context=context, task_function=_task, config=config
            )
    finally:
        Singleton.set_state(state)


def _task(config: DictConfig) -> Any:
    """What a checked launcher runs."""
    if config.do == "raise":
        raise ValueError("this job was to fail")
    if config.do == "last":
        Path("begun").touch()
        time.sleep(_LONGEST_S)
    return config.x


def _check_places(launcher: Launcher) -> None:
    if not isinstance(launcher, HasPlaces):
        return
    slots = launcher.places().slots
    if slots is not None:
        _promise(all(isinstance(slot, Slot) for slot in slots), f"has places that are no slots: {slots}")
        _promise([slot.index for slot in slots] == list(range(len(slots))), "does not count slots from 0")
        _promise(bool(slots), "has no slot at all")


def _check_launch(launcher: Launcher) -> None:
    batch = [[RETURN, "+x=5"], [RAISE, "+x=6"], [RETURN, "+x=7"]]
    returned = list(launcher.launch(batch, initial_job_idx=3))
    _promise(len(returned) == len(batch), f"returns {len(returned)} times for {len(batch)} jobs")
    _promise(all(isinstance(one, JobReturn) for one in returned), "returns other things than JobReturns")
    failed = [one.status is not JobStatus.COMPLETED for one in returned]
    _promise(failed == [False, True, False], "does not tell the job that failed from the others")
    values = [returned[0].return_value, returned[2].return_value]
    _promise(values == [5, 7], f"returns {values} for jobs that returned [5, 7]")


def _check_stream(launcher: Streams) -> None:
    places = launcher.places().slots if isinstance(launcher, HasPlaces) else None
    room = None if places is None else len(places)
    taken: list[int] = []
    ended: list[int] = []

    def due() -> Iterator[Due]:
        for index in (11, 10, 12, 13):
            out = len(taken) - len(ended)
            _promise(room is None or out <= room, f"takes a job while {out} are out in {room} slots")
            taken.append(index)
            yield index, [RAISE if index == 12 else RETURN, f"+x={index}"]

    with closing(_closable(launcher.stream(due()))) as stream:
        for outcome in stream:
            if isinstance(outcome, Placed):
                _promise(outcome.index in taken, f"places job {outcome.index}, which it was not given")
                json.dumps(outcome.handle)
                continue
            _promise(outcome.index in taken, f"tells of job {outcome.index}, which it was not given")
            _promise(outcome.index not in ended, f"tells of the end of job {outcome.index} twice")
            ended.append(outcome.index)
            _promise(outcome.ok == (outcome.index != 12), f"tells wrongly whether job {outcome.index} failed")
    _promise(sorted(ended) == sorted(taken), f"tells of the ends of {ended}, of the jobs {taken}")


def _check_stop(launcher: Stops, stream: Callable[..., Generator[Outcome | Placed, None, None]]) -> None:
    _promise(not launcher.stop(_NO_JOB), "stops a job that there never was")
    ends = []

    def due() -> Iterator[Due]:
        yield 20, [LAST, "+x=20"]
        deadline = time.monotonic() + _LONGEST_S / 2
        while not launcher.stop(20) and time.monotonic() < deadline:
            time.sleep(0.05)

    with closing(_closable(stream(due()))) as outcomes:
        ends = [one for one in outcomes if not isinstance(one, Placed)]
    _promise([one.index for one in ends] == [20], "does not tell of the end of a job that it stopped")
    _promise(ends[0].ended_by == "stopped", f"tells of a stopped job that it was ended by {ends[0].ended_by}")
    _promise(not launcher.stop(20), "stops a job that has ended")


def _closable(stream: Any) -> Generator[Outcome | Placed, None, None]:
    _promise(hasattr(stream, "close"), "streams something that cannot be closed")
    return stream  # type: ignore[no-any-return]


def _promise(kept: bool, broken: str) -> None:
    if not kept:
        raise AssertionError(f"this launcher {broken}")
