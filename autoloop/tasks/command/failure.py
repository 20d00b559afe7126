"""Why a trainer failed, read from the end of its log."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence

from autoloop.engine.execute.signals import signal_name, signal_number

#: Wrappers that report a failure in the script they started; the cause is above.
_WRAPPERS = re.compile(r"^(subprocess\.)?CalledProcessError\b|\bChildFailedError\b")
_WRAPPER_LOG = re.compile(r"^[EWI]\d{4} ")  # torchrun's
_RANK = re.compile(r"^\[(rank|default)\d+\]: ?")
_CODE = re.compile(
    r"returned non-zero exit status (\d{1,3})\b|\bexitcode\s*: (-?\d{1,3})\b|died with <Signals\.(\w+)"
)
_TRACEBACK = "Traceback (most recent call last):"
#: What argparse and draccus say: ``train.py: error: no such argument: --foo``, ``error: no such field``.
_USAGE = re.compile(r"^(\S+: )?error: .*")
_LINE = 4000  # characters of a line that patterns are looked for in
_LENGTH = 400  # characters of a cause: it is shown in one line


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


def failure_of(returncode: int, output: str, patterns: Sequence[str] = ()) -> TrainerFailedError:
    """Tell why a process failed.

    Args:
        returncode: What it returned; negative for a signal.
        output: Its output.
        patterns: Regular expressions of lines that say why; they come before everything else.
    """
    lines = [_RANK.sub("", line[:_LINE].rstrip()) for line in output.splitlines()]
    code = 128 - returncode if returncode < 0 else _true_code(returncode, lines)
    own = _without_wrapper(lines)
    cause = _by_pattern(own, patterns) or _last_line(own)
    killed = _killed(returncode, code)
    if killed and not cause:
        return TrainerFailedError(f"the trainer was {killed}", code)
    last = next((line for line in reversed(own) if line), "it printed nothing")
    how = killed or f"exit code {code}"
    return TrainerFailedError(f"{(cause or last)[:_LENGTH]} ({how})", code)


def _killed(returncode: int, code: int) -> str:
    """Which signal ended the trainer, in words; empty if none did.

    A shell says it as 128 and the signal's number; where no signal has that number for a name, the code is
    the trainer's own, unless the system itself reports a signal.
    """
    named = code - 128 in map(int, signal.Signals)
    return f"killed by {signal_name(code - 128)}" if named or returncode < 0 else ""


def _true_code(returncode: int, lines: Sequence[str]) -> int:
    """The trainer's exit code behind a wrapper's, which is 1 for every failure."""
    for line in reversed(lines):
        found = _CODE.search(line)
        if found and found[3]:
            return 128 + signal_number(found[3])
        if found:
            code = int(found[1] or found[2])
            return 128 - code if code < 0 else code
    return returncode


def _without_wrapper(lines: Sequence[str]) -> list[str]:
    """The lines before the traceback of a wrapper, without what the wrapper logged."""
    end = next((start for start, message in _tracebacks(lines) if _WRAPPERS.search(message)), len(lines))
    return [line for line in lines[:end] if not _WRAPPER_LOG.match(line)]


def _by_pattern(lines: Sequence[str], patterns: Sequence[str]) -> str:
    for pattern in patterns:
        for line in reversed(lines):
            if re.search(pattern, line):
                return line
    return ""


def _last_line(lines: Sequence[str]) -> str:
    """The last exception or usage error: what stands before it was got over."""
    refusals = ((place, line) for place, line in enumerate(lines) if _USAGE.match(line))
    return max([*_tracebacks(lines), *refusals], default=(0, ""))[1]


def _tracebacks(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Where each traceback begins, and its exception with the further lines of its message joined on."""
    start = None
    for place, line in enumerate(lines):
        if line.endswith(_TRACEBACK):
            start = place
        elif start is not None and line and not line.startswith((" ", "\t", "|")):
            yield start, " ".join([line, *_further(lines[place + 1 :])])
            start = None


def _further(lines: Sequence[str]) -> Iterator[str]:
    """The lines of a message behind its first: those that are indented."""
    for line in lines[:5]:
        if not line.startswith((" ", "\t")) or line.endswith(_TRACEBACK):
            return
        yield line.strip()
