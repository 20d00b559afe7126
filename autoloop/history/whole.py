"""Files that are written anew as a whole: read again where they have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from autoloop.history.files import regular
from autoloop.history.points import Gathered
from autoloop.history.series import History


class WholeFiles:
    """What such files say; see `autoloop.history.source.Tail`.

    Args:
        path: The file, or the directory they lie in.
        files: Returns those there are now.
        load: Reads them. What it cannot read is in the history's ``problem``.
    """

    has_ended = False

    def __init__(
        self,
        path: Path,
        files: Callable[[], Sequence[Path]],
        load: Callable[[Sequence[Path]], History],
    ) -> None:
        self.path = path
        self.restarts = 0
        self._files = files
        self._load = load
        self._history = History(path=path)
        self._points = Gathered()
        self._seen: list[tuple[object, ...]] | None = None

    def read(self, final: bool = True) -> None:
        """Read the files if they have changed; what is half written waits, see `Tail.read`."""
        files = self._files()
        seen = [(path, *_state(path)) for path in files]
        if seen == self._seen:
            return
        found = self._load(files)
        if found.problem and not final and len(self._history):
            return
        self._seen, self._history = seen, found
        self._points.restart()
        for name, series in found.items():
            self._points.axis = series.axis
            self._points.add(name, series.steps, series.values)

    def logged(self, names: Iterable[str] | None = None) -> int:
        """Return how many values these metrics have, or all that were asked for."""
        return sum(len(self._history.get(n, ())) for n in (self._history if names is None else names))

    def history(self, fresh: bool = False) -> History:
        """Return what has been read; see `Tail.history`."""
        return self._history.replace(self._points.series(fresh=True)) if fresh else self._history


def _state(path: Path) -> tuple[int, ...]:
    """Return what is another once a file was written anew."""
    status = regular(path)
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns) if status else ()
