"""Why a trainer failed, read from the end of its log."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence

#: Wrappers that tell of a failure in the script they started; the cause stands above.
_WRAPPERS = re.compile(r"^(subprocess\.)?CalledProcessError\b|ChildFailedError\b|^FAILED$")
_RANK = re.compile(r"^\[rank\d+\]:\s?|^\[default\d+\]:\s?")
_CODE = re.compile(r"returned non-zero exit status (\d+)|\bexitcode\s*: (-?\d+)|died with <Signals\.(\w+)")
_TRACEBACK = "Traceback (most recent call last):"
_USAGE = re.compile(r"^\S+: error: .*")
_LENGTH = 400


class TrainerFailedError(RuntimeError):
    """A trainer that ended badly; the message is the cause in one line.

    Attributes:
        exit_code: Exit code of the trainer itself, also where a wrapper such as ``accelerate launch`` hid it;
            128 and the signal's number where one killed it.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message, exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return str(self.args[0])


def failure_of(returncode: int, said: str, patterns: Sequence[str] = ()) -> TrainerFailedError:
    """Tell why a process failed.

    Args:
        returncode: What it returned; negative for a signal.
        said: Its output.
        patterns: Regular expressions of lines that say why; they come before everything else.
    """
    lines = [_RANK.sub("", line.rstrip()) for line in said.splitlines()]
    code = 128 - returncode if returncode < 0 else _true_code(returncode, lines)
    cause = _by_pattern(lines, patterns) or _last_exception(lines) or _usage_error(lines)
    killed = f"killed by {signal.Signals(code - 128).name}" if 128 < code < 128 + signal.NSIG else ""
    if killed and not cause:
        return TrainerFailedError(f"the trainer was {killed}", code)
    last = next((line for line in reversed(lines) if line), "it printed nothing")
    how = killed or f"exit code {code}"
    return TrainerFailedError(f"{(cause or last)[:_LENGTH]} ({how})", code)


def _true_code(returncode: int, lines: Sequence[str]) -> int:
    """The trainer's exit code behind a wrapper's, which is 1 for every failure."""
    for line in reversed(lines):
        found = _CODE.search(line)
        if found and found[3]:
            return 128 + getattr(signal, found[3], 0)
        if found:
            code = int(found[1] or found[2])
            return 128 - code if code < 0 else code
    return returncode


def _by_pattern(lines: Sequence[str], patterns: Sequence[str]) -> str:
    for pattern in patterns:
        for line in reversed(lines):
            if re.search(pattern, line):
                return line
    return ""


def _last_exception(lines: Sequence[str]) -> str:
    """The exception of the last traceback that is not a wrapper's."""
    found = [message for message in _exceptions(lines) if not _WRAPPERS.search(message)]
    return found[-1] if found else ""


def _exceptions(lines: Sequence[str]) -> Iterator[str]:
    """The exception of every traceback, its further lines joined on."""
    inside = False
    for place, line in enumerate(lines):
        if line.endswith(_TRACEBACK):
            inside = True
        elif inside and line and not line.startswith((" ", "\t", "|")):
            inside = False
            yield " ".join([line, *_further(lines[place + 1 :])])


def _further(lines: Sequence[str]) -> Iterator[str]:
    """The lines of a message behind its first, up to an empty line or another traceback."""
    for line in lines[:5]:
        if not line.strip() or line.endswith(_TRACEBACK) or re.match(r"[\w.]*(WARNING|INFO|wandb)\b", line):
            return
        yield line.strip()


def _usage_error(lines: Sequence[str]) -> str:
    """What argparse says: ``train.py: error: unrecognized arguments: --foo``."""
    return next((line for line in reversed(lines) if _USAGE.match(line)), "")
