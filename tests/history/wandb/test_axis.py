"""The steps of a curve are those of the counter that the run says it is drawn over."""

import subprocess
import sys

import pytest

from autoloop.history import HistoryReader, Series, read_history
from autoloop.history.axis import along, choose_axis
from tests.helpers import wandb_file as w

ROWS = range(12)


def over(axis, of=(2, "*")):
    """Return a metric record: define_metric of a glob (or name) over an axis."""
    return w.field(1, 2) + w.field(12, w.field(of[0], of[1]) + w.field(4, axis))


def counted(axis, step=lambda row: 10 * row, rows=ROWS):
    return [w.row(row, {"loss": 1.0 / (row + 1), axis: step(row)}) for row in rows]


@pytest.mark.parametrize(
    ("values", "rows", "chosen"),
    [
        ({"a": [0, 10, 20]}, 3, "a"),
        ({"a": [0, 10, 20]}, 6, "a"),  # one more row at each step: other metrics at the same moment
        ({"a": [0, 1, 2]}, 7, None),  # an epoch of three batches: two thirds of the loss would be lost
        ({"a": [0, 1]}, 2, None),  # what is left of a damaged file: nobody knows how coarse it is
        ({"x/global_step": [0]}, 90, "x/global_step"),  # its name tells
        ({"x/global_step": [0, 1], "epoch": [1, 2, 3]}, 3, "x/global_step"),
        ({"a": [0.5, 1.0, 1.5]}, 3, None),  # no whole number
        ({"a": [0, float("nan"), 20, 30]}, 4, "a"),
        ({"a": [0, 0, 1, 1], "b": [4, 5, 6, 7]}, 4, "b"),  # the finer one
        ({"b": [1, 2, 3], "a": [1, 2, 3]}, 3, "a"),
        ({"a": [2.0**60]}, 1, None),
        ({}, 5, None),
    ],
)
def test_which_counter_counts(values, rows, chosen):
    """Whole and fine enough, or the steps stay W&B's own, which count rows."""
    found = choose_axis([("absent", None), *((k, Series.of(v)) for k, v in values.items())], rows)
    assert (found and found[0]) == chosen


def test_rows_without_the_counter_have_its_last_value():
    """As W&B does it; before the first value it is step 0, and of one step the last value counts."""
    axis = Series.of([100, 200], steps=[2, 6])
    found = along(axis, Series.of([1, 2, 3, 4, 5], steps=[0, 2, 4, 6, 9]))
    assert (found.steps.tolist(), found.values.tolist()) == ([0, 100, 200], [1, 3, 5])


@pytest.mark.parametrize("keys", [None, ["loss"], ["tr*"], ["loss", "trainer/global_step"]])
@pytest.mark.parametrize("first", [True, False])
def test_steps_are_the_counter_whatever_is_asked_for(keys, first, tmp_path):
    """Also where the counter is not among the metrics asked for, and is declared after rows were written."""
    rows = counted("trainer/global_step")
    records = [over("trainer/global_step"), *rows] if first else [*rows, over("trainer/global_step")]
    history = read_history(w.log(tmp_path, records), keys)
    name = "loss" if "loss" in history else "trainer/global_step"
    assert history[name].steps.tolist() == [10 * row for row in ROWS]
    assert history.axis == "trainer/global_step"
    assert set(history) <= {"loss", "trainer/global_step"} - (
        {"trainer/global_step"} if keys == ["loss"] else set()
    )


def test_a_counter_that_is_no_step_stays_a_metric(tmp_path):
    """Epochs with fractions are values like others, over W&B's own steps."""
    history = read_history(w.log(tmp_path, [over("epoch"), *counted("epoch", lambda row: row / 2)]))
    assert (history.axis, history["loss"].steps.tolist()) == ("", list(ROWS))
    assert history["epoch"].values.tolist() == [row / 2 for row in ROWS]


@pytest.mark.parametrize("keys", [None, ["loss"]])
def test_a_growing_run_is_read_by_its_counter(keys, tmp_path):
    """What is new since the last update has the counter's steps, as have W&B's own columns."""
    rows = [w.row(r, {"loss": r, "n": 5 * r, "_timestamp": 100.0 + r}) for r in ROWS]
    path = w.log(tmp_path, [over("n"), *rows[:4]])
    reader = HistoryReader(tmp_path, keys and [*keys, "_timestamp"])
    assert reader.update()["loss"].steps.tolist() == [0, 5, 10, 15]
    path.write_bytes(w.frame([over("n"), *rows[:6]]))
    new = reader.update()
    assert new["loss"].steps.tolist() == new.internal["_timestamp"].steps.tolist() == [20, 25]


LIGHTNING = """
import wandb
with wandb.init(project="p", mode="offline", dir=DIR) as run:
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    for step in range(9, 50, 10):
        run.log({"train/loss": 1 / step, "trainer/global_step": step})
        if step % 20 == 9:
            run.log({"val/loss": 2 / step, "epoch": step // 20, "trainer/global_step": step})
"""


def test_a_run_as_lightning_logs_it(tmp_path):
    """Ten steps between two rows are ten steps; train and validation meet at the same ones."""
    subprocess.run([sys.executable, "-c", LIGHTNING.replace("DIR", repr(str(tmp_path)))], check=True)
    history = read_history(tmp_path, ["*/loss"])
    assert history["train/loss"].steps.tolist() == [9, 19, 29, 39, 49]
    assert history["val/loss"].steps.tolist() == [9, 29, 49]
