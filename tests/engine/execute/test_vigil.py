"""A supervisor that should have spoken is woken, killed and given up, in this order and in time."""

import pytest

from autoloop.engine.execute.values import JobLimits
from autoloop.engine.execute.vigil import Step, Vigil


def steps(vigil, until):
    """What is due at each second."""
    found = [(second, vigil.due(float(second))) for second in range(until)]
    return [(second, step.name) for second, step in found if step is not Step.WAIT]


@pytest.mark.parametrize(
    ("timeout_s", "asked", "expected"),
    [
        (None, [], []),
        (100.0, [], [(105, "WAKE"), (145, "KILL"), (205, "GIVE_UP")]),
        (None, [(20.0, False)], [(25, "WAKE"), (65, "KILL"), (125, "GIVE_UP")]),
        (None, [(20.0, False), (30.0, True)], [(31, "WAKE"), (33, "KILL"), (36, "GIVE_UP")]),
    ],
)
def test_each_step_is_due_once(timeout_s, asked, expected):
    """A limit of time counts as an order; a second order does not wait; without either nothing is overdue."""
    vigil = Vigil(JobLimits(timeout_s=timeout_s, grace_s=10.0), began=0.0)
    for at, at_once in asked:
        vigil.ask(at, "interrupted", at_once)
    found = steps(vigil, 400)
    assert found[:2] == expected[:2]
    assert found[2:3] == expected[2:]
    assert vigil.reason == ("timeout" if timeout_s else "interrupted" if asked else None)
