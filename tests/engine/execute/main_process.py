"""A main process for tests that kill it: runs two jobs that start workers and hang."""

import functools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from autoloop.engine.execute import JobLimits, Request
from autoloop.engine.execute.pool import Pool, PoolSettings
from autoloop.engine.slots import Slot
from tests.engine.execute import job_bodies as bodies


def main(directory, body, grace_s):
    def request(index):
        call = functools.partial(getattr(bodies, body), str(directory / f"pid{index}"))
        return Request(index, call=call, job_dir=str(directory / str(index)))

    pool = Pool(PoolSettings(slots=(Slot(0), Slot(1)), limits=JobLimits(grace_s=grace_s)))
    try:
        for outcome in pool.run(request(index) for index in range(4)):
            print(outcome.index, outcome.ended_by, outcome.signal, flush=True)
    finally:
        pool.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
