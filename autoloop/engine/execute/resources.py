"""What a job takes while it runs, as its supervisor sees it: the memory of all its processes."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from autoloop.engine.execute import processes
from autoloop.engine.execute.gpus import MB_PER_GB, query

_LOOK_S, _GPU_LOOK_S = 0.5, 5.0  # least seconds between two looks; one at GPUs starts nvidia-smi
_KB_PER_GB = 1024 * 1024
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_RSS = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)


class ResourceWatch:
    """Keeps the peak of what the processes below this one take.

    A page of memory that several of them share counts once (the kernel's PSS; where it does not tell that of
    a process, all its resident pages count). On GPUs the driver tells what each process has. Where it tells
    of none, as in containers, the job has what the memory in use on its GPUs grew by since its start: then
    other jobs there count too. A peak between two looks is not seen.

    Args:
        watched: What to keep, of `autoloop.curves.aims.WATCHED`.
        gpus: Ids of the job's GPUs; as SLURM has them each behind its node and a colon.
        ask: Asks the driver for some fields, a list of texts for each line of its answer.
    """

    def __init__(
        self,
        watched: Collection[str],
        gpus: Sequence[str],
        ask: Callable[[str, str], list[list[str]]] = query,
    ) -> None:
        self._memory, self._on_gpus = "mem_gb" in watched, "gpu_mem_gb" in watched
        self._gpus = {gpu.rpartition(":")[2] for gpu in gpus}
        self._ask = ask
        self._looked_at = self._gpus_looked_at = float("-inf")
        self._peak_gb = 0.0
        self._gpu_peak_gb: float | None = None if self._gpus else 0.0
        self._of_processes = False
        self._used_before: dict[str, float] | None = None

    def look(self, now: float) -> None:
        """Look, unless that was done a moment ago; ``now`` is in seconds of any one clock."""
        if self._memory and now - self._looked_at >= _LOOK_S:
            self._looked_at = now
            pids = processes.descendants(os.getpid())
            self._peak_gb = max(self._peak_gb, sum(map(_memory_gb, pids)))
        if self._on_gpus and self._gpus and now - self._gpus_looked_at >= _GPU_LOOK_S:
            self._gpus_looked_at = now
            self._look_at_gpus()

    def peaks(self, largest_mb: float) -> dict[str, float]:
        """The peaks so far, by name; what could not be measured is left out.

        Args:
            largest_mb: Peak of the largest single process in MiB, which the kernel tells at its end.
        """
        found = {"mem_gb": round(max(self._peak_gb, largest_mb / 1024), 4)} if self._memory else {}
        if self._on_gpus and self._gpu_peak_gb is not None:
            found["gpu_mem_gb"] = round(self._gpu_peak_gb, 4)
        return found

    def _look_at_gpus(self) -> None:
        used = {}
        for row in self._ask("gpu", "index,uuid,memory.used"):
            if len(row) == 3 and row[2].isdigit() and self._gpus & {row[0], row[1]}:
                used[row[1]] = int(row[2]) / MB_PER_GB
        pids = set(processes.descendants(os.getpid()))
        rows = [row for row in self._ask("compute-apps", "pid,used_memory") if len(row) == 2]
        own = [
            int(row[1]) / MB_PER_GB
            for row in rows
            if row[0].isdigit() and row[1].isdigit() and int(row[0]) in pids
        ]
        if own and not self._of_processes:
            self._of_processes, self._gpu_peak_gb = True, None
        if self._used_before is None:
            self._used_before = used
        grown = sum(max(0.0, now - self._used_before.get(gpu, 0.0)) for gpu, now in used.items())
        if self._of_processes or used:
            self._gpu_peak_gb = max(self._gpu_peak_gb or 0.0, sum(own) if self._of_processes else grown)


def _memory_gb(pid: int) -> float:
    """The memory of a process in GiB, its part of what it shares; 0 for one that is gone."""
    for name, pattern in (("smaps_rollup", _PSS), ("status", _RSS)):
        with contextlib.suppress(OSError):
            found = pattern.search(Path(f"/proc/{pid}/{name}").read_text())
            if found:
                return int(found[1]) / _KB_PER_GB
    return 0.0
