"""The app's main program, run again in the processes of its jobs, up to where it starts the app.

What a program does at its top level holds in its jobs then: imports for what they register, default types,
patches, seeds, filters of warnings. As with multiprocessing's spawn, what stands under
``if __name__ == "__main__":`` is left to the main process; unlike there, the program is ``__main__`` in the
job as well, so that loggers and pickled classes keep their names.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from autoloop.engine.execute import seeds

_MAIN = "__main__"
_HYDRA_MAIN = "hydra.main"


@dataclass(frozen=True)
class Program:
    """A main program as it was when its app started jobs.

    Attributes:
        file: Path of its source.
        module: Its name as a module, None for a script.
        source: Its source; what is edited later does not count.
        starts_app: Whether it is what called Hydra. A notebook's server or a test runner is not.
        names_hold: Whether nothing but its top level came before that call, so that its names mean the same
            in a process where its top level ran again.
        main_only: Calls under its guard that came before, whose effects jobs lack, as source text.
        argv: Its ``sys.argv``.
        path: Its ``sys.path``.
    """

    file: str
    module: str | None
    source: bytes = field(repr=False)
    starts_app: bool
    names_hold: bool
    main_only: tuple[str, ...]
    argv: tuple[str, ...]
    path: tuple[str, ...] = field(repr=False)


#: What became of a program that was to run again in this process: whether it did.
_ran: dict[str, bool] = {}

#: The programs that this process is running in the first place.
_own: set[str] = set()


def this_program() -> Program | None:
    """Return the main program of this process; None where it has no source: a notebook, ``python -c``."""
    call = _call_of_app()
    top = _top_level(call)
    names = vars(sys.modules[_MAIN]) if top is None else top.f_globals
    try:
        file = str(Path(names["__file__"]).absolute())
        source = Path(file).read_bytes()
        guarded = _guarded(ast.parse(source))
    except (KeyError, OSError, SyntaxError, TypeError, ValueError):
        return None
    _own.add(file)
    module = getattr(names.get("__spec__"), "name", None)
    return Program(
        file=file,
        module=None if module == _MAIN else module,  # a directory
        source=source,
        starts_app=call is not None,
        names_hold=call is not None and call is top and all(_only_starts(node) for node in guarded),
        main_only=_calls_before(top.f_lineno, guarded) if top else (),
        argv=tuple(sys.argv),
        path=tuple(path for path in sys.path if isinstance(path, str)),
    )


def _call_of_app() -> FrameType | None:
    """The frame of the main thread that called a function decorated by `hydra.main`."""
    frame: FrameType | None = sys._current_frames()[threading.main_thread().ident or 0]
    while frame is not None and frame.f_globals.get("__name__") != _HYDRA_MAIN:
        frame = frame.f_back
    return frame.f_back if frame else None


def _top_level(frame: FrameType | None) -> FrameType | None:
    """The top level of the program that led to ``frame``; a profiler or debugger runs it below its own."""
    while frame is not None and not (
        frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == _MAIN
    ):
        frame = frame.f_back
    return frame


def run_again(program: Program) -> bool:
    """Run ``program`` in this process as ``__main__``, unless that was done; return whether it is.

    A program that fails is told on standard error, and ``__main__`` is what it was before.
    """
    if program.file not in _ran:
        _ran[program.file] = program.file in _own or (program.starts_app and _run(program))
    return _ran[program.file]


def enter(program: Program | None, task: Callable[..., Any]) -> None:
    """Make this process that of a job of ``program``, and let ``task`` find its own names in ``__main__``.

    Where the program's top level cannot run again, the process merely looks like it: a worker that a task
    starts by multiprocessing's spawn imports the program itself, and finds what was pickled by name there.
    """
    if program is not None and program.file in _own:
        return
    ran = program is not None and run_again(program)
    main, task = sys.modules[_MAIN], inspect.unwrap(task)
    if getattr(task, "__module__", None) == _MAIN:
        names = getattr(task, "__globals__", {})
        vars(main).update({name: value for name, value in names.items() if not name.startswith("__")})
    if program is None or ran:
        return
    if program.module:
        main.__spec__ = ModuleSpec(program.module, None)
    else:
        main.__file__ = program.file


def _run(program: Program) -> bool:
    before, argv = sys.modules[_MAIN], sys.argv
    sys.path += [path for path in program.path if path not in sys.path]
    sys.argv = list(program.argv)
    try:
        main = _module(program)
        sys.modules[_MAIN] = main
        with _app_not_started(), seeds.noted():
            _TopLevel(program).exec_module(main)
        _forget_wandb()
    except (Exception, SystemExit) as error:  # noqa: BLE001  foreign code; told
        sys.modules[_MAIN] = before
        _tell(program, error)
        return False
    finally:
        sys.argv = argv
    return True


def _forget_wandb() -> None:
    """Let W&B read the environment of each job anew, although the program has logged in."""
    teardown = getattr(sys.modules.get("wandb"), "teardown", None)
    if teardown is not None:
        teardown()


def _tell(program: Program, error: BaseException) -> None:
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    print(
        f"autoloop: the top level of {program.file} does not run a second time, for jobs: {text}; what it "
        "sets up does not hold in them; what only the main process is to do belongs under "
        "if __name__ == '__main__':",
        file=sys.stderr,
    )


def _module(program: Program) -> ModuleType:
    main = ModuleType(_MAIN)
    main.__file__ = program.file
    spec = find_spec(program.module) if program.module else None
    if spec is not None:
        main.__spec__, main.__package__, main.__loader__ = spec, spec.parent, spec.loader
    return main


class _TopLevel(InspectLoader):
    """Loads a program without what only the main process is to do."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def get_source(self, fullname: str) -> str:
        return self._program.source.decode()

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self._program.source)
        guarded = _guarded(tree)
        tree.body = [ast.copy_location(ast.Pass(), node) if node in guarded else node for node in tree.body]
        return compile(tree, self._program.file, "exec", dont_inherit=True)


def _guarded(tree: ast.Module) -> list[ast.If]:
    return [node for node in tree.body if isinstance(node, ast.If) and _asks_for_main(node.test)]


def _only_starts(guarded: ast.If) -> bool:
    """Whether what stands there is ``main()`` or the like, which gives no name another meaning."""
    return len(guarded.body) == 1 and isinstance(guarded.body[0], (ast.Expr, ast.Raise))


def _calls_before(line: int, guarded: list[ast.If]) -> tuple[str, ...]:
    """The calls there, made for their effect, that were over when the program was in ``line``."""
    return tuple(
        ast.unparse(node)
        for guard in guarded
        for node in guard.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and (node.end_lineno or 0) < line
        if ast.unparse(node.value.func) != "print"
    )


def _asks_for_main(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(_asks_for_main, test.values))
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq) and _names_main(test)


def _names_main(test: ast.Compare) -> bool:
    sides = [ast.unparse(side) for side in (test.left, *test.comparators)]
    return sorted(sides) == ["'__main__'", "__name__"]


class _AppCalled(BaseException):
    """The program has come to where it starts the app."""


@contextlib.contextmanager
def _app_not_started() -> Iterator[None]:
    """Let a program run up to its call of the app, which not every program makes in its main process only."""

    def stop(*_: object, **__: object) -> None:
        raise _AppCalled

    module: Any = importlib.import_module(_HYDRA_MAIN)
    run_hydra = module._run_hydra
    module._run_hydra = stop
    try:
        yield
    except _AppCalled:
        pass
    finally:
        module._run_hydra = run_hydra
