"""A trainer in the job's own process, which the launcher forked with its modules already imported."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from autoloop.tasks.command.failure import TrainerFailedError
from autoloop.tasks.command.prepare import Start


def run_inline(start: Start) -> None:
    """Run the script as ``__main__`` here; for processes that run one job and end.

    With ``autoloop.preload`` naming the modules that the script imports, a job saves their import.

    Raises:
        TrainerFailedError: The script called ``sys.exit`` with a code other than 0.
        Exception: Whatever the script raised.
    """
    os.environ.update({name: value for name, value in start.env.items() if value is not None})
    for name in [name for name, value in start.env.items() if value is None]:
        os.environ.pop(name, None)
    os.chdir(start.cwd)
    index = start.command.index("-m") + 1 if "-m" in start.command[:2] else 1
    program = start.command[index]
    sys.argv = [program, *start.args]
    try:
        if index == 1:
            sys.path.insert(0, str(Path(program).parent))
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        if error.code not in (None, 0):
            code = error.code if isinstance(error.code, int) else 1
            raise TrainerFailedError(f"SystemExit: {error.code}", code) from error
