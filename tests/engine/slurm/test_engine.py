"""What SLURM prints, read."""

from __future__ import annotations

import pytest

from autoloop.engine.slurm.engine import Queued, ending, read_queue

QUEUE = """\
17|RUNNING|None|n3|/shared/a|b/.slurm/0-x
18|PENDING|Resources||(null)
19|NODE_FAIL|NodeDown|n1|(null)
slurm_load_jobs error: Unable to contact slurm controller
"""


def test_the_queue_is_read_by_id():
    """A comment may hold the mark between columns; a line that is none is left out."""
    assert read_queue(QUEUE) == {
        "17": Queued("RUNNING", "None", "n3", "/shared/a|b/.slurm/0-x"),
        "18": Queued("PENDING", "Resources", "", "(null)"),
        "19": Queued("NODE_FAIL", "NodeDown", "n1", "(null)"),
    }


def test_a_job_is_over_only_when_slurm_will_not_run_it_any_more():
    over = {"CANCELLED", "COMPLETED", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"}
    alive = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD"}
    assert {state for state in over | alive if Queued(state).over} == over


@pytest.mark.parametrize(
    ("told", "expected"),
    [("3:0", (3, None)), ("0:9", (None, "SIGKILL")), ("0:53", (None, "signal 53")), ("", (None, None))],
)
def test_how_a_job_ended_is_read_from_its_exit_code(told, expected):
    assert ending({"ExitCode": told}) == expected
