"""Which GPUs become which slots, and what a job finds in its environment."""

import pytest

from autoloop.config.kinds import AtOnce
from autoloop.config.knobs import SLOTS
from autoloop.engine.launching import _pool_settings
from autoloop.engine.slots import Slot, plan_slots, slot_environment
from autoloop.errors import ConfigError

PLANS = [
    # gpus, n_jobs, visible, options -> GPUs of each slot
    ([], None, None, {"cores": 3}, [(), (), ()]),
    ([], 5, None, {"cores": 2}, [()] * 5),
    ("auto", None, None, {"cores": 2}, [(), ()]),
    ("auto", None, ("0", "1"), {}, [("0",), ("1",)]),
    ([0, 1, 6, 7], None, None, {}, [("0",), ("1",), ("6",), ("7",)]),
    ([0, 1, 6, 7], 4, tuple("01234567"), {}, [("0",), ("1",), ("6",), ("7",)]),
    ([0, 1, 6, 7], 2, None, {}, [("0",), ("1",)]),
    (["0", 1], None, ("4", "GPU-x"), {}, [("4",), ("GPU-x",)]),
    (["MIG-1", "GPU-2"], None, ("0",), {}, [("MIG-1",), ("GPU-2",)]),
    ([0, 1], None, None, {"jobs_per_gpu": 2}, [("0",), ("1",), ("0",), ("1",)]),
    ([0, 1], 3, None, {"jobs_per_gpu": 2}, [("0",), ("1",), ("0",)]),
    ([0, 1, 6, 7], None, None, {"gpus_per_job": 2}, [("0", "1"), ("6", "7")]),
    ([0, 1, 2], None, None, {"gpus_per_job": 2}, [("0", "1")]),
]


@pytest.mark.parametrize(("gpus", "n_jobs", "visible", "options", "expected"), PLANS)
def test_plans(gpus, n_jobs, visible, options, expected):
    """Ids, counts and shares of GPUs become slots, spread over as many GPUs as possible."""
    slots = plan_slots(gpus, n_jobs, visible=visible, **options)
    assert [slot.gpus for slot in slots] == expected
    assert [slot.index for slot in slots] == list(range(len(expected)))


MISTAKES = [
    ([0, 1], 4, None, {}, r"n_jobs=4 is more than the 2 slots of 2 GPUs \(0, 1\)"),
    ([2], None, ("0", "1"), {}, r"no GPU 2 here; visible GPUs: 2 \(ids 0 to 1\)"),
    ([0], None, (), {}, "no GPU 0 here; visible GPUs: none"),
    ([0, 0], None, None, {}, "0 is listed twice.*jobs_per_gpu"),
    (["0", 1], None, ("3", "3"), {}, "3 is listed twice"),
    (["cuda:0"], None, None, {}, "'cuda:0' is not a GPU id"),
    ([-1], None, None, {}, "-1 is not a GPU id"),
    ([True], None, None, {}, "True is not a GPU id"),
    (2, None, None, {}, r"gpus=2: expected a list of ids such as \[0,1\], 'auto', or \[\]"),
    ("all", None, None, {}, "gpus='all': expected a list"),
    ([0], 0, None, {}, "n_jobs=0: expected a whole number of at least 1"),
    ([0], 1.5, None, {}, "n_jobs=1.5: expected a whole number"),
    ([0], None, None, {"jobs_per_gpu": 0}, "jobs_per_gpu=0: expected"),
    ([0], None, None, {"gpus_per_job": 2}, "gpus_per_job=2 is more than the 1 GPU: 0"),
    ([0, 1], None, None, {"gpus_per_job": 2, "jobs_per_gpu": 2}, "exclude each other"),
]


@pytest.mark.parametrize(("gpus", "n_jobs", "visible", "options", "message"), MISTAKES)
def test_mistakes(gpus, n_jobs, visible, options, message):
    """Settings that cannot be used are refused with what is there and what to do."""
    with pytest.raises(ConfigError, match=message):
        plan_slots(gpus, n_jobs, visible=visible, **options)


def test_minus_one_is_as_many_as_there_is_room_for():
    """As joblib reads it: files that were written for its launcher say so."""
    settings = {knob.name: knob.default for knob in SLOTS}
    for gpus in ([], [0, 1]):
        asked = _pool_settings({**settings, "gpus": gpus, "n_jobs": -1})
        unsaid = _pool_settings({**settings, "gpus": gpus})
        assert (asked.slots, asked.to_fill) == (unsaid.slots, unsaid.to_fill)
    with pytest.raises(ConfigError, match="n_jobs=-2: expected a whole number of at least 1"):
        _pool_settings({**settings, "gpus": [], "n_jobs": -2})
    assert AtOnce().read("n_jobs", -1) is None
    with pytest.raises(ConfigError, match="n_jobs=-2 is not a whole number of 1 or more"):
        AtOnce().read("n_jobs", -2)


def test_threads_are_shared_among_the_slots():
    """A job gets cores // slots threads, at least one."""
    for n_slots, cores, threads in [(4, 8, "2"), (3, 8, "2"), (4, 2, "1"), (1, 2, "2")]:
        variables = slot_environment(Slot(0), n_slots, cores)
        assert variables["OMP_NUM_THREADS"] == variables["MKL_NUM_THREADS"] == threads


def test_the_users_thread_counts_win():
    """OMP_NUM_THREADS in the user's environment leaves all thread counts alone."""
    assert "MKL_NUM_THREADS" not in slot_environment(Slot(0), 4, 8, {"OMP_NUM_THREADS": "7"})
    variables = slot_environment(Slot(0), 4, 8, {"MKL_NUM_THREADS": "7"})
    assert "MKL_NUM_THREADS" not in variables
    assert variables["OMP_NUM_THREADS"] == "2"


def test_gpus_of_a_slot_are_all_a_job_sees():
    """CUDA_VISIBLE_DEVICES names the slot's GPUs; empty for a slot without any."""
    assert slot_environment(Slot(0, ("6", "7")), 1, 1)["CUDA_VISIBLE_DEVICES"] == "6,7"
    assert slot_environment(Slot(0), 1, 1, {"CUDA_VISIBLE_DEVICES": "3"})["CUDA_VISIBLE_DEVICES"] == ""


def test_accelerate_finds_a_single_process():
    """Accelerate's own variables are set, unless the user has set them."""
    variables = slot_environment(Slot(0, ("6",)), 1, 1, {"ACCELERATE_MIXED_PRECISION": "bf16"})
    assert variables["ACCELERATE_USE_CPU"] == "False"
    assert "ACCELERATE_MIXED_PRECISION" not in variables
    assert slot_environment(Slot(0), 1, 1)["ACCELERATE_USE_CPU"] == "True"
