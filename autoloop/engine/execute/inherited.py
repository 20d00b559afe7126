"""What a forked process inherits and must not act on: the exit handlers of the process it was forked from."""

from __future__ import annotations

import atexit
import logging
import sys
import weakref


def disown_exit_handlers() -> None:
    """Leave the exit handlers registered so far to the process that this one was forked from.

    They undo what an import has set up there once for all jobs, such as a scratch directory. Handlers that
    are registered from now on are this process's own. Three of the standard library's are registered when
    it is imported, for whatever the process does later: logging's, multiprocessing's and `weakref.finalize`'s
    own; those stay. A finalizer inherited from the parent still runs when its object is collected.
    """
    atexit._clear()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]  # the next one does it again
    atexit.register(logging.shutdown)
    _disown_multiprocessing()


def _disown_multiprocessing() -> None:
    """As multiprocessing does it in the processes that it forks itself."""
    util, process = (sys.modules.get(f"multiprocessing.{name}") for name in ("util", "process"))
    if util is None or process is None:
        return
    util._finalizer_registry.clear()
    process._children.clear()
    atexit.register(util._exit_function)
