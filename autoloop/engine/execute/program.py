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
import re
import shlex
import sys
import textwrap
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

from autoloop.config.rerun import program as program_args
from autoloop.engine.execute import seeds

_MAIN = "__main__"
_HYDRA_MAIN = "hydra.main"

#: What the main process does for its jobs too: they get its environment, paths, resolvers and configs.
_REACHES_JOBS = re.compile(
    r"print$|os\.environ\b|sys\.(path|argv)\b|(\w+\.)*load_dotenv$"
    r"|OmegaConf\.register_\w+$|(\w+\.)*ConfigStore\.instance\(\)\.store$"
)


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
        main_only: Statements under its guard, and in what starts the app from there, that came before and
            whose effects jobs lack, as source text.
        argv: Its ``sys.argv``, with the arguments that it has removed since it began.
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
    module = None if module == _MAIN else module  # a directory
    return Program(
        file=file,
        module=module,
        source=source,
        starts_app=call is not None,
        names_hold=call is not None and call is top and all(_only_starts(node) for node in guarded),
        main_only=_left_out(call, top, guarded) if call and top else (),
        argv=_argv(file, module),
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

    A program that fails is reported on standard error, and ``__main__`` is what it was before.
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
    except (Exception, SystemExit) as error:  # noqa: BLE001  foreign code; reported
        sys.modules[_MAIN] = before
        _warn(program, error)
        return False
    finally:
        sys.argv = argv
    return True


def _forget_wandb() -> None:
    """Let W&B read the environment of each job anew, although the program has logged in."""
    teardown = getattr(sys.modules.get("wandb"), "teardown", None)
    if teardown is not None:
        teardown()


def _warn(program: Program, error: BaseException) -> None:
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    print(
        f"autoloop: the top level of {program.file} fails when it runs again for the jobs: {text}; what it "
        "sets up is missing in them. Put what only the main process should do under "
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


def _argv(file: str, module: str | None) -> tuple[str, ...]:
    """``sys.argv`` as it was given to the program, which may have removed arguments of its own.

    Args:
        file: The program's source.
        module: Its name as a module, None for a script.
    """
    given = program_args(shlex.join(sys.orig_argv))
    names = {module, module.removesuffix(".__main__")} if module else {Path(file).name}
    if (given[-1] if module else Path(given[-1]).name) not in names:  # a debugger or profiler was started
        return tuple(sys.argv)
    return (*sys.argv[:1], *sys.orig_argv[len(given) :])


def _left_out(call: FrameType, top: FrameType, guarded: list[ast.If]) -> tuple[str, ...]:
    """What was done for its effect under the guard, and in the function that starts the app from there."""
    bodies = [
        (guard.body, top.f_lineno) for guard in guarded if guard.lineno <= top.f_lineno <= _last_line(guard)
    ]
    if bodies and call is not top:
        bodies.append((_body(call), call.f_lineno))
    return tuple(
        ast.unparse(node)
        for body, line in bodies
        for statement in _before(line, body)
        for node in ast.walk(statement)
        if _has_effect(node)
    )


def _body(frame: FrameType) -> list[ast.stmt]:
    """The statements of the function that a frame runs; none where its source is not to be had."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(frame.f_code)))
    except (OSError, SyntaxError, TypeError):
        return []
    ast.increment_lineno(tree, frame.f_code.co_firstlineno - 1)
    function = tree.body[0] if tree.body else None
    return function.body if isinstance(function, ast.FunctionDef) else []


def _before(line: int, body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that were over when ``line`` was run, also those of a block that it stands in."""
    for node in body:
        if _last_line(node) < line:
            yield node
        elif node.lineno <= line:
            yield from _before(line, getattr(node, "body", []))


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _has_effect(node: ast.AST) -> bool:
    """Whether a statement calls something, or sets something of another object, that jobs do not get."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        changed: list[ast.expr] = [node.value.func]
    elif isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        changed = [target for target in targets if isinstance(target, (ast.Attribute, ast.Subscript))]
    else:
        return False
    return any(not _REACHES_JOBS.match(ast.unparse(target)) for target in changed)


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
