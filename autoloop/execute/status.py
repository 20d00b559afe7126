"""``status.json``: what a supervisor leaves in the job's directory, for readers after its time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

STATUS_NAME = "status.json"


def write_status(job_dir: str, status: Mapping[str, object]) -> None:
    """Replace ``status.json`` in ``job_dir`` in one step: readers see the old or the new one, whole.

    Raises:
        OSError: The directory is gone, not writable or out of space.
    """
    path = Path(job_dir) / STATUS_NAME
    draft = path.with_name(f".{STATUS_NAME}.tmp")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(status, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def boot_id() -> str:
    """Return the id of this boot of the machine: a pid means something only within it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
