import functools

import pytest

from autoloop.engine.execute import JobLimits, Request
from autoloop.engine.execute.pool import Pool, PoolSettings
from autoloop.engine.slots import Slot

GRACE_S = 2.0


@pytest.fixture
def make_pool():
    """Build pools that are closed after the test."""
    pools = []

    def make(n_slots=1, *, gpus=(), timeout_s=None, stall_s=None, grace_s=GRACE_S, **settings):
        slots = tuple(Slot(index, (gpus[index],) if gpus else ()) for index in range(n_slots))
        limits = JobLimits(timeout_s=timeout_s, stall_s=stall_s, grace_s=grace_s)
        pools.append(Pool(PoolSettings(slots=slots, cores=2, limits=limits, **settings)))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def job(tmp_path):
    """Build requests whose jobs work in ``tmp_path/<index>``."""

    def make(index, function, *args, **fields):
        call = functools.partial(function, *args)
        return Request(index, call=call, job_dir=str(tmp_path / str(index)), **fields)

    return make
