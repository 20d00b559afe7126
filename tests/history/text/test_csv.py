"""CSV files with a column of steps."""

import pytest

from autoloop.history import HistoryReader, read_history

pytestmark = pytest.mark.usefixtures("both_ways")


def curve(history, name):
    return list(zip(history[name].steps.tolist(), history[name].values.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "axis", "name", "points"),
    [
        ("step,loss\n0,0.5\n10,0.25\n", "step", "loss", [(0, 0.5), (10, 0.25)]),
        ("epoch;loss\r\n1;0.5\r\n2;0.25\r\n", "epoch", "loss", [(1, 0.5), (2, 0.25)]),
        ("loss\tglobal_step\tepoch\n.5\t3\t0\n", "global_step", "loss", [(3, 0.5)]),
        (',iteration,"a, b"\n0,1,"2"\n1,2,3.5\n', "iteration", "a, b", [(1, 2.0), (2, 3.5)]),
        ("\ufeffTimesteps, loss\n10.0, 1e-3\n20.0, nan\n", "Timesteps", "loss", [(10, 0.001), (20, None)]),
        ("step,loss,text\n1,,x\n2,inf,\n3,1_0,\"a\nb\"\n4,True,\n", "step", "loss", [(2, float("inf"))]),
        ("# a word first\n\nstep,loss\n1,2\nstep,loss\n1,3\n", "step", "loss", [(1, 3.0)]),
        ("time/total_timesteps,time/iterations,r\n2048,1,-1\n", "time/total_timesteps", "r", [(2048, -1.0)]),
        ("step,acc,loss\n5,,1.5\n5,0.25,\n5,,\n", "step", "acc", [(5, 0.25)]),
        ("training_iteration,reward_mean\n1,2\n", "training_iteration", "reward_mean", [(1, 2)]),
    ],
)  # fmt: skip
def test_tables(text, axis, name, points, tmp_path):
    """Delimiters, quotes, empty cells, words beside numbers; the most telling counter is the axis."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "mine.csv").write_bytes(text.encode())
    history = read_history(tmp_path)
    found = [(step, None if value != value else value) for step, value in curve(history, name)]
    assert (history.axis, found, history.problem) == (axis, points, "")
    assert history.sources == (("csv", str(tmp_path / "logs" / "mine.csv")),)


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "episode,frame,x\n1,2,3\n", "step\n1\n", "", "step,loss", "\xff,step\n1,2\n"]
)
def test_no_history(text, tmp_path):
    """A table without steps, or without anything beside them, is none of a run."""
    (tmp_path / "data.csv").write_bytes(text.encode("latin-1"))
    assert read_history(tmp_path).problem.startswith(f"no history at {tmp_path}: no run-*.wandb")


def test_parts_of_a_run_go_by_the_names_of_their_files(tmp_path):
    """``train.csv`` and ``eval.csv`` are one run; the second may come later."""
    (tmp_path / "train.csv").write_text("frame,step,episode_reward\n4,2,1\n8,4,2\n")
    reader = HistoryReader(tmp_path, objective=["eval/episode_reward"])
    assert set(reader.update()) == {"train/episode_reward", "train/frame"}
    (tmp_path / "eval.csv").write_text("frame,step,episode_reward\n4,2,9\n")
    assert curve(reader.update(), "eval/episode_reward") == [(2, 9.0)]
    history = read_history(tmp_path)
    assert curve(history, "train/episode_reward") == [(2, 1.0), (4, 2.0)]


def test_each_update_gives_what_is_new_also_of_a_file_written_anew(tmp_path):
    """As Lightning does it for a column that comes late; what was given is not given again."""
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n1,5\n2,4\n3,")
    reader = HistoryReader(tmp_path)
    assert curve(reader.update(), "loss") == [(1, 5.0), (2, 4.0)]
    assert not len(reader.update()) and reader.history().problem == ""
    with path.open("a") as file:
        file.write("3\n")
    assert curve(reader.update(), "loss") == [(3, 3.0)]
    path.write_text("acc,step,loss\n,1,5\n,2,4\n")  # seen while it is being written
    assert not len(reader.update())
    path.write_text("acc,step,loss\n,1,5\n,2,4\n,3,3\n0.5,3,\n,4,2\n")
    new = reader.update()
    assert (curve(new, "loss"), curve(new, "acc")) == ([(4, 2.0)], [(3, 0.5)])
    other = tmp_path / "new"
    other.write_text("step,loss\n1,50\n")
    other.replace(path)
    assert curve(reader.update(), "loss") == [(1, 50.0)]
    assert reader.restarts >= 2


def test_what_is_cut_is_told(tmp_path):
    """Half a last line waits for its end, and is left out where nobody writes any more."""
    (tmp_path / "metrics.csv").write_text("step,loss\n1,5\n2,0.12")
    history = read_history(tmp_path)
    assert curve(history, "loss") == [(1, 5.0)]
    assert history.problem == f"{tmp_path / 'metrics.csv'}: its last line is incomplete and is left out"


def test_a_file_of_many_blocks(tmp_path):
    """What lies across the pieces that are read at once is whole; lines of another length are told."""
    lines = [f"{step},{step / 7!r},{'' if step % 3 else step}\n" for step in range(90_000)]
    lines[50_000] = "no row\n"
    (tmp_path / "metrics.csv").write_text("step,loss,third\n" + "".join(lines))
    history = read_history(tmp_path)
    assert (history["loss"].values == history["loss"].steps / 7).all()
    assert (len(history["loss"]), len(history["third"])) == (89_999, 30_000)
    assert "1 line is not a row of the table (first: line 50002)" in history.problem
