"""One history per job, wherever it comes from."""

import os

import pytest

from autoloop.history import HistoryReader, read_history
from autoloop.history.choice import choose
from tests.helpers import wandb_file as w

CSV = "step,loss,acc\n" + "".join(f"{10 * s},{1 / (s + 1)},{s}\n" for s in range(20))
LOG = "".join(f"step:{s} smpl:1 loss:0.{s}\n" for s in range(50))


def rows(names=("loss",), count=20):
    return [w.row(s, dict.fromkeys(names, 1.0 / (s + 1))) for s in range(count)]


@pytest.mark.parametrize(
    ("points", "now", "chosen"),
    [
        ({"wandb": (20, 40), "csv": (20, 60)}, "", "wandb"),  # as many of the objective: the first
        ({"wandb": (0, 900), "csv": (2, 4)}, "", "csv"),  # the one that has it
        ({"wandb": (10, 40), "csv": (20, 60)}, "", "csv"),  # the one that has more of it
        ({"wandb": (19, 40), "csv": (20, 60)}, "", "wandb"),  # what a buffer holds back does not count
        ({"wandb": (19, 40), "csv": (20, 60)}, "csv", "csv"),
        ({"wandb": (5, 40), "csv": (20, 60)}, "wandb", "csv"),
        ({"csv": (1, 2), "lines": (90, 90)}, "", "csv"),  # a last resort
        ({"csv": (0, 2), "lines": (90, 90)}, "", "lines"),
        ({"csv": (0, 2), "lines": (0, 90)}, "", "csv"),
        ({"wandb": (0, 0), "csv": (0, 2)}, "", "csv"),
        ({"wandb": (0, 0)}, "", "wandb"),
    ],
)
def test_which_counts(points, now, chosen):
    """The one that has the objective, then the one with more points, a log last."""
    assert choose(points, now) == chosen


def test_the_source_that_has_the_objective_is_read(tmp_path):
    """Whole and live alike, and the history says what it is from."""
    run = tmp_path / "wandb" / "offline-run-20260101_000000-a"
    run.mkdir(parents=True)
    w.log(run, rows())
    (tmp_path / "csv_logs").mkdir()
    (tmp_path / "csv_logs" / "metrics.csv").write_text(CSV)
    (tmp_path / "job.log").write_text(LOG)
    for objective, tracker in (("loss", "wandb"), ("acc", "csv"), ("train/loss", "lines")):
        history = read_history(tmp_path, objective=[objective])
        reader = HistoryReader(tmp_path, objective=[objective])
        assert objective in history and history.sources[0][0] == tracker
        assert reader.update()[objective] == history[objective]
        assert reader.history().sources == history.sources


def test_a_source_that_comes_later_is_followed(tmp_path):
    """Lines of a log are left as soon as another tracker has the objective."""
    (tmp_path / "job.log").write_text(LOG)
    reader = HistoryReader(tmp_path, objective=["train/loss"])
    assert reader.update().source == "lines"
    (tmp_path / "metrics.csv").write_text("step,train/loss\n1,0.125\n")
    assert (reader.update()["train/loss"].values.tolist(), reader.runs) == ([0.125], 2)


@pytest.mark.parametrize(
    "name", ["metrics.csv", "train.csv", "metrics.jsonl", "log.json", "trainer_state.json", "job.log",
             "run-x.wandb", "wandb-history.jsonl", "wandb-summary.json", "wandb_runs.jsonl"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["fifo", "link to a fifo", "circle", "folder", "link to nothing", "device"])
def test_what_is_no_file_is_passed_over(name, kind, tmp_path):
    """A FIFO, a link or a folder in the place of a file: nobody waits for it, nothing raises."""
    place = tmp_path / name
    {
        "fifo": lambda: os.mkfifo(place),
        "link to a fifo": lambda: (os.mkfifo(tmp_path / "fifo"), place.symlink_to("fifo")),
        "circle": lambda: place.symlink_to(place),
        "folder": place.mkdir,
        "link to nothing": lambda: place.symlink_to("nothing"),
        "device": lambda: place.symlink_to("/dev/zero"),
    }[kind]()
    history, live = read_history(tmp_path), HistoryReader(tmp_path).update()
    assert (len(history), len(live)) == (0, 0) and history.problem


def test_data_beside_a_history_is_not_opened(tmp_path):
    """Of very many tables in a directory those with a usual name are looked at."""
    for number in range(200):
        (tmp_path / f"frame_{number}.csv").write_text("step,loss\n1,2\n")
    (tmp_path / "metrics.csv").write_text("step,loss\n1,3\n")
    assert read_history(tmp_path)["loss"].values.tolist() == [3.0]
