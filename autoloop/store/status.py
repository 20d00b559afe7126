"""``status.json``: what a supervisor leaves in the job's directory, for readers after its time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoloop.history.files import read_note
from autoloop.store.files import write_atomic
from autoloop.store.lock import is_alive
from autoloop.store.redact import redact_all
from autoloop.study.fields import FieldError, moment
from autoloop.study.own_words import ENDING

STATUS_NAME = "status.json"

#: Kinds of what stands there; a whole number is a time, too.
_KINDS = {
    **dict.fromkeys(("state", "process_start", "supervisor_start", "boot_id", "host"), str),
    **dict.fromkeys(("signal", "ended_by", "error", "log"), str),
    **dict.fromkeys(("pid", "supervisor_pid", "slot", "exit_code"), int),
    **dict.fromkeys(("started_at", "ended_at", "asked_to_end_at"), float),
    "gpus": list,
}


def write_status(job_dir: str, status: Mapping[str, object]) -> None:
    """Replace ``status.json`` in ``job_dir`` in one step: readers see the old or the new one, whole.

    Raises:
        OSError: The directory is gone, not writable or out of space.
    """
    text = json.dumps(redact_all(dict(status), os.environ, ENDING), indent=1) + "\n"
    write_atomic(Path(job_dir) / STATUS_NAME, text, mode=None, durable=True, make_dir=False)


def read_status(job_dir: Path) -> dict[str, Any] | None:
    """Return what a job's ``status.json`` says, as far as its types are right; None if that is nothing."""
    try:
        status = json.loads(read_note(job_dir / STATUS_NAME))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(status, dict):
        return None
    return {name: value for name, value in status.items() if name not in _KINDS or _fits(name, value)}


def _fits(name: str, value: Any) -> bool:
    kind = _KINDS[name]
    if kind is list and isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    if value is None or kind is not float:
        return value is None or (isinstance(value, kind) and not isinstance(value, bool))
    try:
        moment(value)
    except FieldError:
        return False
    return True


def is_running(status: Mapping[str, Any] | None) -> bool:
    """Return whether the job or its supervisor still runs on this machine, as far as is known."""
    if status is None or status.get("state") == "ended":
        return False
    if status.get("boot_id") != boot_id() or status.get("host") != socket.gethostname():
        return False
    pids = [("pid", "process_start"), ("supervisor_pid", "supervisor_start")]
    return any(_lives(status.get(pid), status.get(start)) for pid, start in pids)


def _lives(pid: object, started: object) -> bool:
    return isinstance(pid, int) and isinstance(started, str) and is_alive(pid, started)


def boot_id() -> str:
    """Return the id of this boot of the machine: a pid means something only within it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
