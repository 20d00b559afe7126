"""The report files of a study, each replaced as a whole so that no reader sees half a file."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import yaml

from autoloop.report.data import autorun_summary, best, optimization_results, to_json
from autoloop.report.markdown import Curves, markdown
from autoloop.study import Study


def write_report(
    study: Study, study_dir: str | Path, curves: Curves | None = None, task_name: str = "study"
) -> None:
    """Write all report files of a study, replacing those of an earlier call.

    They are ``reports/data/autorun_summary.json``, ``reports/<task>.md``,
    ``optimization_results.yaml`` and, once a job has completed, ``best.yaml``.

    Args:
        study: The study.
        study_dir: Its directory; missing directories below it are made.
        curves: Job number -> metric -> curve, as far as they are at hand.
        task_name: Name of the Markdown file; characters that do not belong in a file name become ``_``.

    Raises:
        OSError: The directory cannot be written.
    """
    root = Path(study_dir)
    reports = root / "reports"
    page_name = re.sub(r"[^\w.-]+", "_", task_name).strip(".") or "study"
    replace(reports / "data" / "autorun_summary.json", to_json(autorun_summary(study)))
    replace(reports / f"{page_name}.md", markdown(study, curves))
    replace(root / "optimization_results.yaml", _yaml(optimization_results(study)))
    winner = best(study)
    if winner:
        head = "# The best configuration of this study so far. Run it again with the line under `command`.\n"
        replace(root / "best.yaml", head + _yaml(winner))


def replace(path: Path, content: str) -> None:
    """Write a text file under a temporary name, then rename it: readers see the old file or the new one.

    Characters that UTF-8 cannot hold (lone surrogates) are written as backslash escapes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(content)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _yaml(item: dict[str, Any]) -> str:
    return str(yaml.safe_dump(item, sort_keys=False, allow_unicode=True, width=1000))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
