"""The queue: variants that a user puts into ``queue.yaml`` of a running study."""

from __future__ import annotations

from pathlib import Path

import yaml

from autoloop.edits.variants import parse_entries
from autoloop.errors import ConfigError
from autoloop.rules.base import Decision
from autoloop.strategies.base import ASKED_FOR
from autoloop.study.record import Study

FILE_NAME = "queue.yaml"


def waiting(study_dir: Path, study: Study, start: str) -> list[Decision]:
    """Return the variants of the queue that have not run, as children of the baseline.

    Args:
        study_dir: The study's directory.
        study: Its record.
        start: Name of the baseline.

    Raises:
        ConfigError: The file is no YAML, or something that is no variant stands in it.
        EditError: An edit in it cannot be read.
    """
    path = study_dir / FILE_NAME
    if not path.is_file():
        return []
    try:
        entries = parse_entries(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    done = {job.plan.evidence.get("name") for job in study.jobs.values() if job.rule == ASKED_FOR}
    return [
        Decision(ASKED_FOR, start, entry.reason or "asked for by the user", {"name": entry.name}, entry.edits)
        for entry in entries
        if entry.name not in done
    ]
