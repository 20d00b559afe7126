"""The task of a job, wrapped so that the job keeps its study's promises under any launcher."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import TaskFunction

from autoloop.engine.execute.child import EXIT_FAILED, EXIT_INTERRUPTED, is_supervised
from autoloop.engine.execute.exits import without_exit
from autoloop.engine.execute.pickling import KeepsFiles
from autoloop.engine.execute.program import enter, this_program
from autoloop.engine.inside.planned import check_planned
from autoloop.engine.inside.wandb_runs import close_wandb
from autoloop.store.files import LINEAGE_FILE

if TYPE_CHECKING:
    from autoloop.engine.inside.notes import EarlyEnd
    from autoloop.engine.inside.watch import Inside

log = logging.getLogger("autoloop")


class EndedEarlyError(RuntimeError):
    """The job was ended before its time: a stop rule wanted it, or its time was up."""


class LostJobError(RuntimeError):
    """This job ended without a word once before, and its launcher starts it again in the same directory."""


class JobBody(KeepsFiles):
    """A task function that does what its launcher does not; without orders it is the task and no more.

    The launcher pickles it on the way to the job. Where it is unpickled, the main program's top level runs.

    Attributes:
        inside: What to do beside the task; None to do nothing. The sweeper sets it before the first job.
        program: The main program; None if it has no source.
    """

    __wrapped__: TaskFunction

    def __init__(self, task: TaskFunction) -> None:
        functools.update_wrapper(self, task)
        self.inside: Inside | None = None
        self.program = this_program()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        enter(self.program, self.__wrapped__)

    def __call__(self, config: Any) -> Any:
        """Run the task.

        Raises:
            EndedEarlyError: It was ended before its time.
            JobExitError: It called ``sys.exit`` with a code other than 0.
            LostJobError: The job was begun before in this directory.
            StrayedConfigError: It would train another config than was planned.
        """
        check_planned(config)
        if self.inside is None:
            return self.__wrapped__(config)
        return _Run(self.inside).run(without_exit(self.__wrapped__), config)


class _Run:
    """One run of a task, with everything beside it."""

    def __init__(self, inside: Inside) -> None:
        from autoloop.engine.inside.interrupt import Interrupt
        from autoloop.engine.inside.notes import Presence

        self._inside = inside
        self._run_dir = Path(HydraConfig.get().runtime.output_dir)
        self._presence = None if is_supervised() else Presence(self._run_dir)
        self._interrupt = Interrupt(self._terminated)
        self._early: EarlyEnd | None = None

    def run(self, task: TaskFunction, config: Any) -> Any:
        if self._presence:
            refuse_second_start(self._run_dir)
            self._presence.begin()
            close_wandb()  # a job before this one, or the main program, may have begun it
        exit_code, ended_by = EXIT_FAILED, None
        try:
            value = self._watched(task, config)
            exit_code = 0
            return value
        except KeyboardInterrupt:  # the user's own
            exit_code, ended_by = EXIT_INTERRUPTED, "interrupted"
            raise
        finally:
            close_wandb(exit_code)
            if self._presence:
                with contextlib.suppress(OSError):  # a directory that is gone must not fail the job
                    self._presence.end(exit_code, self._early.ended_by if self._early else ended_by)

    def _watched(self, task: TaskFunction, config: Any) -> Any:
        """Run the task with a watch beside it, where one can be."""
        from autoloop.engine.inside.watch import InsideWatch

        study_dir = study_of(self._run_dir)
        if study_dir is None or not self._interrupt.possible():
            return task(config)
        watch = InsideWatch(self._inside, study_dir, int(HydraConfig.get().job.num), self._end)
        self._interrupt.open()
        try:
            watch.start()
            try:
                value = task(config)
            finally:
                self._interrupt.shut()
        except KeyboardInterrupt:
            if not self._interrupt.sent:
                raise
            value = None
        finally:
            watch.close()
            self._interrupt.close()
        if self._early:
            raise EndedEarlyError(self._early.error)
        return value

    def _end(self, early: EarlyEnd) -> None:
        """End the task; its directory says why first, so that no kill can hide it."""
        self._record(early)
        self._interrupt.send()

    def _terminated(self) -> None:
        """Say that the job did not fail: SIGTERM came from its launcher or node, which exits now."""
        from autoloop.engine.inside.notes import EarlyEnd

        self._record(EarlyEnd("interrupted", "SIGTERM from outside"))

    def _record(self, early: EarlyEnd) -> None:
        log.warning("this job is ended: %s", early.error)
        early.write(self._run_dir)
        self._early = early


def study_of(run_dir: Path) -> Path | None:
    """Return the directory of the study that a job belongs to; None outside a study."""
    try:
        return Path(json.loads((run_dir / LINEAGE_FILE).read_text(encoding="utf-8"))["study_dir"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def refuse_second_start(run_dir: Path) -> None:
    """Refuse to run where a job began already, or that the sweeper has given up.

    Some launchers start a job that was killed again, in the same directory and without a word. The study
    decides about later tries, each in a directory of its own.

    Raises:
        LostJobError: It was begun, or given up.
    """
    from autoloop.engine.inside.notes import EarlyEnd
    from autoloop.store.status import read_status

    status = read_status(run_dir)
    if status is not None:
        where = f"process {status.get('pid')} on {status.get('host')}"
        raise LostJobError(f"the job's process was lost without a message ({where}); it is not started twice")
    early = EarlyEnd.read(run_dir)
    if early is not None:
        raise LostJobError(f"{early.error}; it begins on {socket.gethostname()} too late")
