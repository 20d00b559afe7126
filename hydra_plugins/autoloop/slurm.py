"""``hydra/launcher=slurm``: one SLURM job per job, under the same supervisor as in slots."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autoloop.config.schema import SLURM_NODE
from hydra_plugins.autoloop._base import StreamingLauncher, offer

if TYPE_CHECKING:
    from autoloop.engine.execute import Outcome
    from autoloop.engine.execute.values import Placed
    from autoloop.engine.slots import Places
    from autoloop.engine.slurm.pool import SlurmPool

offer("hydra/launcher", "slurm", SLURM_NODE)


class SlurmLauncher(StreamingLauncher):
    """Runs the jobs of a sweep on SLURM; see `autoloop.config.knobs.SLURM` for its settings."""

    name = "slurm"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._pool: SlurmPool | None = None

    @property
    def pool(self) -> "SlurmPool":
        """The jobs that are out; made when first asked for, which asks SLURM whether it takes such jobs."""
        from autoloop.engine.slurm import launching

        if self._pool is None:
            self._pool = launching.make_pool(self.given, self.settings)
        return self._pool

    def stream(
        self, jobs: "Iterable[tuple[int, Sequence[str]]]"
    ) -> "Generator[Outcome | Placed, None, None]":
        """Run jobs, and those adopted, and report each as SLURM takes it and as it ends.

        Args:
            jobs: Pairs of job number and overrides. One pair is taken whenever there is room; the iterable
                runs in a thread of its own and may block.
        """
        from autoloop.engine.slurm import launching

        return launching.stream(self.given, lambda: self.pool, jobs)

    def places(self) -> "Places":
        """As many places as jobs may be out at a time; SLURM is asked first whether it takes such jobs."""
        from autoloop.engine.slots import Places

        return Places(self.pool.slots)

    def stop(self, index: int) -> bool:
        """End the job ``index``, politely first; return whether it was out."""
        return self.pool.stop(index)

    def adopt(self, index: int, overrides: Sequence[str], handle: Mapping[str, str]) -> bool:
        """Let the next `stream` report the end of a job that an earlier process submitted.

        Args:
            index: Number of the job.
            overrides: Its overrides.
            handle: What `stream` reported when SLURM took it; empty if that was not written down.

        Returns:
            Whether SLURM ever took it.
        """
        return self.pool.adopt(index, overrides, handle)
