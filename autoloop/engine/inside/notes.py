"""What a job leaves in its directory for the sweeper: that it began and where, and why it was ended early."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from autoloop.engine.execute.gpus import visible
from autoloop.stopping import StopDecision
from autoloop.store.files import text_of, write_atomic
from autoloop.store.lock import start_time
from autoloop.store.redact import redact_all
from autoloop.store.status import boot_id, write_status
from autoloop.study.own_words import ENDING, NAME, Own

EARLY_FILE = "ended_early.json"
_OWN: Own = {**ENDING, "decision": {"rule": NAME, "evidence": NAME}}


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Why a job is ended before its time; written before it is.

    Attributes:
        ended_by: ``stopped``, ``timeout`` or ``interrupted``, as in `autoloop.engine.execute.values.EndedBy`.
        error: Why, in one line.
        decision: The fields of the stop rule's `autoloop.stopping.StopDecision`; none where no rule had a
            say.
    """

    ended_by: str
    error: str
    decision: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def by_rule(cls, decision: StopDecision) -> EarlyEnd:
        """A stop rule wants the job ended."""
        return cls("stopped", f"{decision.rule}: {decision.reason}", asdict(decision))

    def stop(self) -> StopDecision | None:
        """The stop rule's decision; None where no rule had a say."""
        try:
            return StopDecision(**self.decision) if self.decision else None
        except TypeError:
            return None

    def write(self, run_dir: Path) -> None:
        """Leave it in the job's directory."""
        text = json.dumps(redact_all(asdict(self), os.environ, _OWN), default=str)
        write_atomic(run_dir / EARLY_FILE, text)

    @classmethod
    def read(cls, run_dir: Path) -> EarlyEnd | None:
        """What was left in a job's directory; None if nothing readable."""
        try:
            found = cls(**json.loads(text_of(run_dir / EARLY_FILE)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        right = (isinstance(found.ended_by, str), isinstance(found.error, str))
        return found if all(right) and isinstance(found.decision, Mapping) else None


class Presence:
    """``status.json`` of a job without a supervisor: it says which process the job runs in."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._status: dict[str, object] = {
            "state": "running",
            "pid": os.getpid(),
            "process_start": start_time(os.getpid()),
            "boot_id": boot_id(),
            "host": socket.gethostname(),
            "gpus": visible_gpus(os.environ),
            "started_at": time.time(),
        }

    def begin(self) -> None:
        """Tell that the job runs."""
        write_status(str(self._run_dir), self._status)

    def end(self, exit_code: int, ended_by: str | None) -> None:
        """Tell that it runs no more; its process may live on and run other jobs.

        Raises:
            OSError: The directory is gone or full.
        """
        last = {"state": "ended", "exit_code": exit_code, "ended_by": ended_by, "ended_at": time.time()}
        write_status(str(self._run_dir), {**self._status, **last})


def visible_gpus(environ: Mapping[str, str]) -> list[str]:
    """The GPUs that a job was given, as CUDA counts or names them; none where nothing says."""
    return list(visible(environ.get("CUDA_VISIBLE_DEVICES", "")))
