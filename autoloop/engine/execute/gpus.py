"""The GPUs of this machine, as the NVIDIA driver tells of them; nothing here opens one."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path

from autoloop.engine.execute.limited import ask

log = logging.getLogger(__name__)

_GPU = re.compile(r"\d+|(GPU|MIG)-\S+")
_QUERY_TIMEOUT_S = 30  # for one answer of nvidia-smi
_WAIT_S = 5.0  # between two looks for free memory, each of which starts nvidia-smi
_MB_PER_GB = 1024  # nvidia-smi's MiB per GiB


def visible(listed: str) -> tuple[str, ...]:
    """Return the GPUs of a list as CUDA reads it: up to the first that is none (``-1``, ``NoDevFiles``).

    See https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables.
    """
    entries = (entry.strip() for entry in listed.split(","))
    return tuple(takewhile(_GPU.fullmatch, filter(None, entries)))


def detect_gpus(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the names of the GPUs a job may be given, None where they cannot be told.

    Args:
        environ: The environment; where it has CUDA_VISIBLE_DEVICES, that list is the answer (`visible`).
    """
    if "CUDA_VISIBLE_DEVICES" in environ:
        return visible(environ["CUDA_VISIBLE_DEVICES"])
    rows = _query("index")
    if rows:
        return tuple(row[0] for row in rows)
    devices = sorted(
        int(path.name[6:]) for path in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)
    )
    return tuple(str(device) for device in devices) or None


def free_memory_gb() -> dict[str, float]:
    """Return free memory in GiB per GPU, by index and by UUID; empty where it cannot be told."""
    free: dict[str, float] = {}
    for row in _query("index,uuid,memory.free"):
        if len(row) == 3 and row[2].isdigit():
            free[row[0]] = free[row[1]] = int(row[2]) / _MB_PER_GB
    return free


class MemoryWait:
    """Waits until GPUs that others use as well have enough free memory.

    Args:
        min_free_gb: Free memory in GiB that every GPU of the slot must have.
        measure: Returns free memory per GPU name.
    """

    def __init__(
        self, min_free_gb: float, measure: Callable[[], Mapping[str, float]] = free_memory_gb
    ) -> None:
        self._min_free_gb = min_free_gb
        self._measure = measure

    def __call__(self, gpus: tuple[str, ...], pause: Callable[[float], bool]) -> None:
        """Return when all of ``gpus`` are free enough, or when ``pause`` says that waiting is over."""
        told = False
        while short := self._short(gpus):
            if not told:
                log.info("waiting for %s GB on GPU %s", self._min_free_gb, ", ".join(short))
                told = True
            if pause(_WAIT_S):
                return

    def _short(self, gpus: tuple[str, ...]) -> list[str]:
        """Return those of ``gpus`` that lack memory; one that cannot be measured counts as free."""
        free = self._measure()
        return [gpu for gpu in gpus if free.get(gpu, self._min_free_gb) < self._min_free_gb]


def _query(fields: str) -> list[list[str]]:
    """Ask nvidia-smi for ``fields``; return one list of texts per GPU, none where it fails."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    told = ask(command, _QUERY_TIMEOUT_S) or ""
    return [[cell.strip() for cell in line.split(",")] for line in told.splitlines() if line.strip()]
