"""What the driver tells of GPUs, and waiting for memory that others hold."""

import pytest

from autoloop.engine.execute.gpus import MemoryWait, detect_gpus, free_memory_gb

TABLE = {
    "index": "0\n1\n",
    "index,uuid,memory.free": "0, GPU-a, 1024\n1, GPU-b, 40960\n",
}


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Put a program named nvidia-smi first on the path that answers from TABLE."""
    answers = "\n".join(f'"--query-gpu={query}") printf {text!r};;' for query, text in TABLE.items())
    program = tmp_path / "nvidia-smi"
    program.write_text(f'#!/bin/sh\ncase "$1" in\n{answers}\nesac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def test_the_parents_visible_gpus_are_all_there_is():
    """CUDA_VISIBLE_DEVICES of the main process is the list of GPUs, empty or not."""
    assert detect_gpus({"CUDA_VISIBLE_DEVICES": "6, GPU-x"}) == ("6", "GPU-x")
    assert all(detect_gpus({"CUDA_VISIBLE_DEVICES": none}) == () for none in ("", " ", "-1", "NoDevFiles"))
    assert detect_gpus({"CUDA_VISIBLE_DEVICES": "1,-1,0"}) == ("1",)  # as CUDA reads it


def test_the_driver_lists_the_gpus(nvidia_smi):
    """Without CUDA_VISIBLE_DEVICES the driver's list counts."""
    assert detect_gpus({}) == ("0", "1")


def test_free_memory_is_known_by_index_and_by_uuid(nvidia_smi):
    """A GPU's free memory is found under both of its names."""
    assert free_memory_gb() == {"0": 1.0, "GPU-a": 1.0, "1": 40.0, "GPU-b": 40.0}


def test_a_broken_driver_is_no_driver(tmp_path, monkeypatch):
    """A tool that fails tells of no memory."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert free_memory_gb() == {}


def test_a_job_waits_until_its_gpus_are_free():
    """Waiting ends when every GPU of the slot has enough memory; unknown GPUs do not block."""
    readings = iter([{"0": 1.0, "1": 9.0}, {"0": 4.0, "1": 9.0}, {"0": 8.0, "1": 9.0}])
    pauses = []
    MemoryWait(8.0, lambda: next(readings))(("0", "1", "MIG-x"), lambda seconds: pauses.append(seconds))
    assert len(pauses) == 2


def test_waiting_ends_with_the_pool():
    """A pool that closes does not wait for memory."""
    MemoryWait(8.0, lambda: {"0": 1.0})(("0",), lambda seconds: True)


def test_memory_of_a_shared_gpu_is_promised_once():
    """Two slots on one GPU do not both take the same free memory; a job's end, or time, ends a promise."""
    now = [0.0]
    wait = MemoryWait(8.0, lambda: {"0": 10.0, "1": 10.0}, lambda: now[0])
    pauses = []

    def let_in(*gpus):
        before = len(pauses)
        wait(gpus, lambda seconds: pauses.append(seconds) or True)
        return len(pauses) == before

    assert let_in("0")
    assert not let_in("0")
    assert let_in("1")
    wait.left(("0",))
    assert let_in("0")
    assert not let_in("0", "1")
    now[0] = 61.0
    assert let_in("0", "1")
