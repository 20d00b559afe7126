"""A job that calls ``sys.exit``: an end like any other, which the job's process outlives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from autoloop.engine.execute.child import EXIT_FAILED


class JobExitError(RuntimeError):
    """A job called ``sys.exit`` with a code other than 0.

    Attributes:
        exit_code: The exit code of the job's process.
    """

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(exit_code, text)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return str(self.args[1])


def without_exit(task: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let ``sys.exit()`` end a task well, and ``sys.exit(n)`` fail it, with Hydra's callbacks run."""

    @functools.wraps(task)
    def call(config: Any) -> Any:
        try:
            return task(config)
        except SystemExit as error:
            if error.code in (None, 0):
                return None
            code = error.code if isinstance(error.code, int) else EXIT_FAILED
            raise JobExitError(code, f"SystemExit: {error.code}") from error

    return call
