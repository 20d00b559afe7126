"""Which directories jobs were given: those that are called by their job's number take one byte each."""

from __future__ import annotations

_MOST = 10_000_000


class RunDirs:
    """Directories relative to the study."""

    __slots__ = ("_numbered", "_others")

    def __init__(self) -> None:
        self._numbered = bytearray()
        self._others: set[str] = set()

    def add(self, run_dir: str, job: int) -> None:
        """Add the directory of a job."""
        if run_dir != str(job) or not 0 <= job < _MOST:
            self._others.add(run_dir)
            return
        if job >= len(self._numbered):
            self._numbered.extend(bytes(job + 1 - len(self._numbered)))
        self._numbered[job] = 1

    def __contains__(self, run_dir: str) -> bool:
        if run_dir in self._others:
            return True
        number = int(run_dir) if run_dir.isascii() and run_dir.isdecimal() and len(run_dir) < 9 else -1
        return 0 <= number < len(self._numbered) and self._numbered[number] == 1 and str(number) == run_dir

    def copy(self) -> RunDirs:
        """The same, which later changes do not reach."""
        made = RunDirs()
        made._numbered, made._others = self._numbered[:], set(self._others)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunDirs):
            return NotImplemented
        return (self._numbered.rstrip(b"\0"), self._others) == (other._numbered.rstrip(b"\0"), other._others)

    __hash__ = None  # type: ignore[assignment]
