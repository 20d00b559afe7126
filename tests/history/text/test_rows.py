"""JSON lines and lines of a log."""

import json
import re

import pytest

from autoloop.curves.metrics import Metrics
from autoloop.errors import ConfigError
from autoloop.history import HistoryReader, read_history
from autoloop.history.text.loglines import KNOWN, row_of


def curve(history, name):
    return list(zip(history[name].steps.tolist(), history[name].values.tolist(), strict=True))


@pytest.mark.parametrize("name", ["metrics.jsonl", "logs.json.txt", "log.json", "log.txt"])
def test_json_lines(name, tmp_path):
    """Rows of different keys; nested values have dots; the steps are the most telling counter's."""
    rows = [
        {"config": {"lr": 1}},
        {"epoch": 0, "step": 10, "loss": 2.0, "note": "x"},
        {"epoch": 0, "eval_loss": 3.0},  # at the last step
        {"epoch": 1, "step": 20, "loss": float("nan"), "time": {"s": 5}},
        {"mode": "val", "step": 20, "loss": 1.0},
    ]
    (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
    history = read_history(tmp_path)
    assert (history.source, history.axis, history.problem) == ("json", "step", "")
    assert curve(history, "eval_loss") == [(10, 3.0)]
    assert curve(history, "val/loss") == [(20, 1.0)] and curve(history, "time.s") == [(20, 5.0)]
    assert curve(history, "epoch") == [(10, 0.0), (20, 1.0)] and dict(history.skipped)["note"] == 1


def test_json_lines_while_they_are_written(tmp_path):
    """Each update gives what is new; half an object waits."""
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 5}\n{"step": 2, "lo')
    reader = HistoryReader(tmp_path, ["loss"])
    assert curve(reader.update(), "loss") == [(1, 5.0)]
    with path.open("a") as file:
        file.write('ss": 4}\n')
    assert curve(reader.update(), "loss") == [(2, 4.0)]


LEROBOT = (
    "INFO 2026-11-30 10:00:00 ot_train.py:512 step:{} smpl:2K ep:3 epch:0.10 loss:{} grdn:12.5 lr:1.0e-05"
    " updt_s:0.213 data_s:0.004"
)
NANOT5 = "11/30/2026 10:00:00 - INFO - Main - [{}] Step {} out of 65536 | Loss --> {} | Lr --> 0.008 | "


def test_known_lines(tmp_path):
    """LeRobot's and nanoT5's lines are known; colours and progress bars are no part of a line."""
    assert row_of(re.compile(KNOWN["lerobot"]), LEROBOT.format("12K", "0.5"))["step"] == 12_000
    lines = [LEROBOT.format(step, 2 / step) for step in (200, 400)]
    (tmp_path / "job.log").write_text(
        "\r 10%|#  | 1/10\r" + "\x1b[32m" + "\x1b[0m\nother\n".join(lines) + "\n"
    )
    history = read_history(tmp_path, objective=["train/loss"])
    assert (history.source, history.axis) == ("lines", "step")
    assert curve(history, "train/loss") == [(200, 0.01), (400, 0.005)]
    assert set(history) >= {"train/grad_norm", "train/lr", "train/update_s", "train/dataloading_s"}
    (tmp_path / "job.log").write_text(
        NANOT5.format("train", 100, "9.5") + "\n" + NANOT5.format("eval", 100, "nan") + "\n"
    )
    history = read_history(tmp_path)
    assert curve(history, "train/loss") == [(100, 9.5)] and len(history["eval/loss"]) == 1


def test_a_pattern_of_ones_own(tmp_path):
    """``metrics.lines`` are regular expressions; one without a step counts lines."""
    (tmp_path / "app.log").write_text(
        "it 5: loss=2.5, next\nvalidation 0.5\nit 6: loss=1\nx" + "loss=1 " * 400 + "\n"
    )
    lines = [r"it (?P<iter>\d+): loss=(?P<train__loss>\S+)", r"validation (?P<val__acc>\S+)"]
    history = read_history(tmp_path, lines=lines)
    assert curve(history, "train/loss") == [(5, 2.5), (6, 1.0)] and curve(history, "val/acc") == [(5, 0.5)]
    assert Metrics.read({"lines": lines}).lines == tuple(lines)


@pytest.mark.parametrize(
    ("lines", "said"),
    [("lerobot", "is not a list"), (["(?P<loss"], "is not a regular expression"),
     ([r"step (?P<step>\d+)"], "no named group"), (["lerobott"], "did you mean 'lerobot'?")],
)  # fmt: skip
def test_patterns_that_cannot_be_used(lines, said):
    """What is wrong with a pattern is said when the study begins."""
    with pytest.raises(ConfigError, match=re.escape(said)):
        Metrics.read({"lines": lines})


@pytest.mark.parametrize("first", ["step", "Step"])
def test_lines_of_nanogpt(first):
    """Its program, and the many made after it, print what they evaluate and log it nowhere else."""
    row = row_of(re.compile(KNOWN["nanogpt"]), f"{first} 250: train loss 4.1234, val loss nan")
    assert (row["step"], row["train/loss"]) == (250, 4.1234)
    assert row["val/loss"] != row["val/loss"]
