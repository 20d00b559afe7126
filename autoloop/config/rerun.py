"""The command that trains one job's configuration once more, made of the one that started its study."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # every job imports this module, and no study
    from autoloop.study.events import StudyBegun

_PYTHON = re.compile(r"python[\d.]*$")
#: Options of the interpreter that take a value; after ``-c`` and ``-m`` comes what it runs.
_TAKES_VALUE = "XW"
_RUNS = "cm"
_CODE_OR_MODULE = re.compile(r"-[A-Za-z]*?(?P<kind>[cmXW])(?P<rest>.*)", re.DOTALL)

#: Hydra's own options: whether the config depends on it, and whether a value follows.
_OPTIONS = {
    "--config-path": (True, True),
    "--config-name": (True, True),
    "--config-dir": (True, True),
    "--package": (True, True),
    "--cfg": (False, True),
    "--experimental-rerun": (False, True),
    "--info": (False, False),
    "--help": (False, False),
    "--hydra-help": (False, False),
    "--version": (False, False),
    "--resolve": (False, False),
    "--run": (False, False),
    "--multirun": (False, False),
    "--shell-completion": (False, False),
}
_SHORT = {
    "-cp": "--config-path",
    "-cn": "--config-name",
    "-cd": "--config-dir",
    "-p": "--package",
    "-c": "--cfg",
    "-i": "--info",
    "-h": "--help",
    "-r": "--run",
    "-m": "--multirun",
    "-sc": "--shell-completion",
}

_HYDRA = re.compile(r"[+~]*hydra[./@=]")
#: What of Hydra's own config is the sweep's, not a job's; ``hydra.run`` says where a single run goes.
_OF_SWEEP = re.compile(r"[+~]*hydra[./](sweeper|launcher|sweep|mode|run)\b")
_PLUGIN = re.compile(r"hydra/(sweeper|launcher)=")


#: Settings of a study that a single run heeds too.
OF_SINGLE_RUN = ("gpus", "gpus_per_job")


class CommandLine(NamedTuple):
    """A command line taken apart.

    Attributes:
        app: The interpreter with its options and the script or module, or the program.
        options: What chooses the config (``--config-name=..``), and what only the app itself knows.
        hydra: Overrides of Hydra's own config that a job is trained with.
        plugins: Those that choose a sweeper or launcher.
    """

    app: tuple[str, ...]
    options: tuple[str, ...]
    hydra: tuple[str, ...]
    plugins: tuple[str, ...] = ()


def rerun_command(header: StudyBegun, overrides: Sequence[str], added: Sequence[str] = ()) -> list[str]:
    """The command that trains a configuration of a study once more, in the study's directory.

    Args:
        header: How the study began.
        overrides: Those of the job.
        added: Overrides on top.
    """
    args = read_command(shell_line(header.command), header.cwd or "")
    of_job = without_study(overrides, (header.identity and header.identity.knobs) or ())
    return [*args.app, *args.options, *merge_overrides([*args.hydra, *header.single, *of_job], added)]


def without_study(overrides: Iterable[str], knobs: Container[str]) -> list[str]:
    """The overrides of a job without those that only a study heeds: how long it runs, and where.

    Args:
        overrides: Those of the job.
        knobs: Keys at the top of the app's config that are settings of the study.
    """
    keys = ((text, text.lstrip("+").partition("=")[0].partition(".")[0]) for text in overrides)
    return [text for text, key in keys if key not in knobs or key in OF_SINGLE_RUN]


def shell_line(command: str | Sequence[str]) -> str:
    """A command as a shell line, of which older journals kept the arguments."""
    return command if isinstance(command, str) else shlex.join(command)


def merge_overrides(base: Sequence[str], added: Sequence[str]) -> tuple[str, ...]:
    """``base``, then ``added``; a plain ``key=value`` of ``base`` that ``added`` sets again is left out.

    A value that is a mapping is merged by Hydra, not replaced, so it never pushes an earlier one out.
    """
    replaced = {key for key, _, value in (text.partition("=") for text in added) if not value.startswith("{")}
    return (*(text for text in base if text.partition("=")[0] not in replaced), *added)


def program(command: str) -> list[str]:
    """The arguments of a command line that name the app: interpreter with its options and script or module.

    Args:
        command: A study's command line; empty gives ``python -m autoloop.train``.
    """
    args = _split(command)
    return args[: _end_of_app(args)] if args else ["python", "-m", "autoloop.train"]


def runs_program(args: Sequence[str]) -> bool:
    """Whether a command is ``python`` with a file, or with a module that is no part of Python.

    What Python itself comes with (``-m timeit``, ``-m pdb``) may run any code of its arguments, as ``-c``.
    """
    if not args or not _PYTHON.search(args[0]):
        return False
    position = 1
    while position < len(args) and args[position].startswith("-"):
        found = _CODE_OR_MODULE.match(args[position])
        if found and found["kind"] in _RUNS:
            module = found["rest"] or next(iter(args[position + 1 :]), "")
            return found["kind"] == "m" and module.partition(".")[0] not in {"", *sys.stdlib_module_names}
        if args[position] in ("-", "-i"):
            return False
        position += _interpreter_option(args[position])[1]
    return position < len(args)


@lru_cache(maxsize=8)  # a report asks for the same study's once a job
def read_command(command: str, cwd: str = "") -> CommandLine:
    """Take the command line of a study apart.

    Args:
        command: The line; empty stands for ``python -m autoloop.train``.
        cwd: Where it was given: a relative ``--config-dir`` is seen from there.
    """
    args = _split(command)
    rest = args[_end_of_app(args) :] if args else []
    options: list[str] = []
    hydra: list[str] = []
    plugins: list[str] = []
    for name, arg in _read_rest(rest):
        if name == "--config-dir" and cwd:
            options.append(f"{name}={Path(cwd, arg)}")
        elif name:
            options.append(f"{name}={arg}")
        elif not ("=" in arg or arg.startswith("~")) or arg.startswith("-"):
            options.append(arg)
        elif _HYDRA.match(arg) and not _OF_SWEEP.match(arg):
            hydra.append(arg)
        elif _PLUGIN.match(arg):
            plugins.append(arg)
    return CommandLine(tuple(program(command)), tuple(options), tuple(hydra), tuple(plugins))


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # quotes that do not match
        return command.split()


def _end_of_app(args: Sequence[str]) -> int:
    """How many leading arguments name the app."""
    if not _PYTHON.search(args[0]):
        return 1
    position = 1
    while position < len(args) and args[position].startswith("-") and args[position] != "-":
        runs, own = _interpreter_option(args[position])
        position += own
        if runs:
            return position
    return position + 1


def _interpreter_option(arg: str) -> tuple[bool, int]:
    """Whether an option of the interpreter says what to run, and how many arguments it takes."""
    if arg.startswith("--"):
        return False, 2 if arg == "--check-hash-based-pycs" else 1
    for place, letter in enumerate(arg[1:], start=2):
        if letter in _RUNS + _TAKES_VALUE:
            return letter in _RUNS, 1 if arg[place:] else 2
    return False, 1


def _read_rest(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The arguments behind the app: (option, value) where one chooses the config, else ("", argument)."""
    waiting = iter(args)
    for arg in waiting:
        name, has_value, value = arg.partition("=")
        option = _option(name)
        if option is None:
            yield "", arg
            continue
        chooses, takes_value = _OPTIONS[option]
        value = next(waiting, "") if takes_value and not has_value else value
        if chooses:
            yield option, value


def _option(name: str) -> str | None:
    """The option of Hydra's that an argument names: short, whole, or cut short as argparse allows."""
    if name in _SHORT or name in _OPTIONS:
        return _SHORT.get(name, name)
    longer = [option for option in _OPTIONS if option.startswith(name)] if len(name) > 2 else []
    return longer[0] if name.startswith("--") and len(longer) == 1 else None
