"""What a supervisor measures of its job: memory of all its processes, here and on GPUs."""

from __future__ import annotations

import os
import subprocess
import sys

from autoloop.engine.execute.resources import ResourceWatch


def answers(*looks: dict[str, list[list[str]]]):
    """A driver that answers each look in turn, the last one from then on."""
    left = list(looks)

    def ask(what: str, fields: str) -> list[list[str]]:
        found = left[0].get(what, [])
        if what == "compute-apps" and len(left) > 1:
            left.pop(0)
        return found

    return ask


def gpus(*used: int) -> list[list[str]]:
    return [[str(index), f"GPU-{index}", str(one)] for index, one in enumerate(used)]


def test_memory_of_all_processes_counts_together():
    """Two children with 64 MiB each; this process itself, their supervisor, does not count."""
    body = "x = bytearray(64 << 20); x[::4096] = b'x' * len(x[::4096]); print(flush=True); input()"
    watch = ResourceWatch(["mem_gb"], ())
    children = [
        subprocess.Popen([sys.executable, "-c", body], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in "ab"
    ]
    try:
        for child in children:
            child.stdout.readline()
        watch.look(0.0)
        assert 0.125 < watch.peaks(0.0)["mem_gb"] < 0.3
        assert watch.peaks(4096.0) == {"mem_gb": 4.0}
    finally:
        for child in children:
            child.communicate(b"\n")
    watch.look(10.0)
    assert watch.peaks(0.0)["mem_gb"] > 0.125  # the peak stays


def test_gpu_memory_is_that_of_the_jobs_own_processes_where_the_driver_tells():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        own, other = [str(child.pid), "2048"], [str(os.getppid()), "8192"]
        watch = ResourceWatch(
            ["gpu_mem_gb"], ("0",), answers({"gpu": gpus(9000), "compute-apps": [own, other]})
        )
        watch.look(0.0)
        assert watch.peaks(0.0) == {"gpu_mem_gb": 2.0}
    finally:
        child.communicate(b"\n")


def test_else_it_is_what_the_memory_in_use_on_its_gpus_grew_by():
    """As in containers; a peak stays, other GPUs do not count, and SLURM's ids have their node in front."""
    looks = [{"gpu": gpus(1024, 7)}, {"gpu": gpus(4096, 9999)}, {"gpu": gpus(2048, 9)}]
    watch = ResourceWatch(["gpu_mem_gb"], ("node1:0",), answers(*looks))
    for now in (0.0, 1.0, 5.0, 10.0):  # the second is too early for a look
        watch.look(now)
    assert watch.peaks(0.0) == {"gpu_mem_gb": 3.0}


def test_without_a_gpu_a_job_takes_none_and_what_was_not_asked_for_is_not_measured():
    assert ResourceWatch(["gpu_mem_gb"], (), answers({})).peaks(10.0) == {"gpu_mem_gb": 0.0}
    silent = ResourceWatch(["gpu_mem_gb"], ("0",), answers({}))
    silent.look(0.0)
    assert silent.peaks(10.0) == {}
    assert ResourceWatch([], ("0",), answers({})).peaks(10.0) == {}
