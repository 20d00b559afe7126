"""``hydra/launcher=slots``: one fresh child process per job, each in a slot with its own GPUs."""

import weakref
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from autoloop.config.schema import SLOTS_NODE
from hydra_plugins.autoloop._base import StreamingLauncher, offer

if TYPE_CHECKING:
    from autoloop.engine.execute import Outcome
    from autoloop.engine.execute.pool import Pool
    from autoloop.engine.slots import Places

offer("hydra/launcher", "slots", SLOTS_NODE)


class SlotsLauncher(StreamingLauncher):
    """Runs the jobs of a sweep in slots; see `autoloop.config.knobs.SLOTS` for its settings."""

    name = "slots"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._pool: Pool | None = None

    @property
    def pool(self) -> "Pool":
        """The pool that runs the jobs; made when first asked for and closed with this launcher."""
        from autoloop.engine import launching

        if self._pool is None:
            self._pool = launching.make_pool(self.settings, self.config)
            weakref.finalize(self, self._pool.close)
        return self._pool

    def stream(self, jobs: "Iterable[tuple[int, Sequence[str]]]") -> "Generator[Outcome, None, None]":
        """Run jobs and yield their outcomes as they end.

        Args:
            jobs: Pairs of job number and overrides. One pair is taken whenever a slot is free; the
                iterable runs in a thread of its own and may block.
        """
        from autoloop.engine import launching

        return launching.stream_in_slots(self.given, lambda: self.pool, jobs)

    def places(self) -> "Places":
        """The slots; their settings are read when they are first asked for."""
        from autoloop.engine.slots import Places

        return Places(self.pool.slots, self.pool.to_fill)

    def stop(self, index: int) -> bool:
        """End the running job ``index``, politely first; return whether it was running."""
        return self.pool.stop(index)
