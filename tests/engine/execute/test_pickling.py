"""Code that travels to another process knows the file it came from, with any pickler of any launcher."""

from __future__ import annotations

import pickle
import traceback

import cloudpickle
import pytest

from autoloop.engine.execute import pickling
from autoloop.engine.inside.body import JobBody


def by_value():
    """A function that no module holds under its name: it is pickled with its code."""

    def fails(config):
        return [1 / one for one in (config,)]  # up to Python 3.11 a code in the code

    return fails


@pytest.mark.parametrize("arrived", [
    lambda task: pickle.loads(pickling.dumps(task)),
    lambda task: cloudpickle.loads(cloudpickle.dumps(JobBody(task))),
])  # fmt: skip
def test_a_traceback_of_pickled_code_shows_its_file_and_line(arrived):
    with pytest.raises(ZeroDivisionError) as raised:
        arrived(by_value())(0)
    last = traceback.extract_tb(raised.tb)[-1]
    assert (last.filename, last.line) == (
        __file__,
        "return [1 / one for one in (config,)]  # up to Python 3.11 a code in the code",
    )
