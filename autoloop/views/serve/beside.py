"""The page beside a study that runs: a process of its own, which ends with the study's."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autoloop.engine.streams import show

log = logging.getLogger("autoloop")

_PATIENCE_S = 5.0


@contextmanager
def page_beside(study_dir: Path) -> Iterator[None]:
    """Show a study in a browser until the context ends; its address is printed.

    The page is drawn in a process of low priority, so that it costs the study nothing. Whatever ends this
    process ends that one, since its standard input closes then. If it cannot start, a warning says so.

    Args:
        study_dir: The study's directory.
    """
    command = [sys.executable, "-m", "autoloop", "serve", str(study_dir), "--with-parent"]
    pipe = subprocess.PIPE
    page = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)
    threading.Thread(target=_log_output, args=(page,), name="autoloop page", daemon=True).start()
    try:
        yield
    finally:
        if page.stdin is not None:
            page.stdin.close()
        try:
            page.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            page.kill()
            page.wait()


def _log_output(page: subprocess.Popen[str]) -> None:
    """Tell what the page's process prints: its address, or what went wrong."""
    for line in page.stdout or ():
        text = line.strip()
        if text.startswith("http"):
            show(f"in a browser: {text}")  # not into a log: whoever has it may look and steer
        elif text:
            log.warning("the page: %s", text)
