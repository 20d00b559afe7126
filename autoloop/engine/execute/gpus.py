"""The GPUs of this machine, as the NVIDIA driver reports them; nothing here opens one."""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path

from autoloop.engine.execute.limited import ask

log = logging.getLogger(__name__)

_GPU = re.compile(r"\d+|(GPU|MIG)-\S+")
_QUERY_TIMEOUT_S = 30  # for one answer of nvidia-smi
_WAIT_S = 5.0  # between two looks for free memory, each of which starts nvidia-smi
_PROMISED_S = 60.0  # in which a job has taken what it needs
MB_PER_GB = 1024  # nvidia-smi's MiB per GiB


def visible(listed: str) -> tuple[str, ...]:
    """Return the GPUs of a list as CUDA reads it: up to the first that is none (``-1``, ``NoDevFiles``).

    See https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables.
    """
    entries = (entry.strip() for entry in listed.split(","))
    return tuple(takewhile(_GPU.fullmatch, filter(None, entries)))


def detect_gpus(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the names of the GPUs a job may be given, None if they cannot be found out.

    Args:
        environ: The environment; where it has CUDA_VISIBLE_DEVICES, that list is the answer (`visible`).
    """
    if "CUDA_VISIBLE_DEVICES" in environ:
        return visible(environ["CUDA_VISIBLE_DEVICES"])
    rows = query("gpu", "index")
    if rows:
        return tuple(row[0] for row in rows)
    devices = sorted(
        int(path.name[6:]) for path in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)
    )
    return tuple(str(device) for device in devices) or None


def free_memory_gb() -> dict[str, float]:
    """Return free memory in GiB per GPU, by index and by UUID; empty if it cannot be found out."""
    free: dict[str, float] = {}
    for row in query("gpu", "index,uuid,memory.free"):
        if len(row) == 3 and row[2].isdigit():
            free[row[0]] = free[row[1]] = int(row[2]) / MB_PER_GB
    return free


class MemoryWait:
    """Waits until GPUs that others use as well have enough free memory.

    A job takes its memory some time after it was let in: for so long the memory is promised to it, and one
    that shares its GPU must find as much again.

    Args:
        min_free_gb: Free memory in GiB that every GPU of the slot must have.
        measure: Returns free memory per GPU name.
        clock: Seconds of any clock.
    """

    def __init__(
        self,
        min_free_gb: float,
        measure: Callable[[], Mapping[str, float]] = free_memory_gb,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._min_free_gb = min_free_gb
        self._measure = measure
        self._clock = clock
        self._promised: list[tuple[float, tuple[str, ...]]] = []  # (until when, on which GPUs)
        self._lock = threading.Lock()  # one job is let in at a time

    def __call__(self, gpus: tuple[str, ...], pause: Callable[[float], bool]) -> None:
        """Return when all of ``gpus`` are free enough, or when ``pause`` says that waiting is over."""
        logged = False
        while short := self._let_in(gpus):
            if not logged:
                log.info("waiting for %s GB on GPU %s", self._min_free_gb, ", ".join(short))
                logged = True
            if pause(_WAIT_S):
                return

    def left(self, gpus: tuple[str, ...]) -> None:
        """Take back what is promised to the job on ``gpus``, which has ended."""
        with self._lock:
            mine = next((one for one in self._promised if one[1] == gpus), None)
            self._promised = [one for one in self._promised if one is not mine]

    def _let_in(self, gpus: tuple[str, ...]) -> list[str]:
        """Promise a job its memory; return those of ``gpus`` that lack it, where there are any."""
        with self._lock:
            free, now = self._measure(), self._clock()
            self._promised = [one for one in self._promised if one[0] > now]
            short = [gpu for gpu in gpus if self._lacks(gpu, free)]
            if not short:
                self._promised.append((now + _PROMISED_S, gpus))
            return short

    def _lacks(self, gpu: str, free: Mapping[str, float]) -> bool:
        """Whether a GPU has too little memory; one that cannot be measured counts as free."""
        jobs = 1 + sum(gpu in gpus for _, gpus in self._promised)
        return gpu in free and free[gpu] < jobs * self._min_free_gb


def query(what: str, fields: str) -> list[list[str]]:
    """Ask nvidia-smi for ``fields`` of each ``gpu`` or of ``compute-apps``; a list of texts for each of them.

    None where it fails.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, f"--query-{what}={fields}", "--format=csv,noheader,nounits"]
    answer = ask(command, _QUERY_TIMEOUT_S) or ""
    return [[cell.strip() for cell in line.split(",")] for line in answer.splitlines() if line.strip()]
