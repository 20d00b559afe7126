"""What is read from a run's files, whatever form its records have."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from autoloop.history import History, HistoryReader, find_runs, read_histories, read_history, read_values
from autoloop.history.find import looked_for
from tests.helpers import wandb_file as w

NAN, INF = math.nan, math.inf


def values(history, name):
    return history[name].values.tolist()


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("shift", [0, 7])
def test_rows_become_series(tmp_path, nested, shift):
    """Each metric is a series of its steps and values, over many blocks of either alignment."""
    rows = [w.row(step, {"train/loss": 1 / (step + 1), "n": step}, nested) for step in range(2000)]
    history = read_history(w.log(tmp_path, [w.run(), *rows, w.exit_record()], shift))
    assert history.problem == ""
    assert values(history, "train/loss") == [1 / (step + 1) for step in range(2000)]
    assert history["n"].steps.tolist() == list(range(2000))
    assert (history.finished, history.exit_code, history.rows) == (True, 0, 2000)


def test_numbers_json_has_no_name_for(tmp_path):
    """NaN and infinities are kept, bare or quoted; large integers become the nearest float."""
    path = w.log(
        tmp_path, [w.row(i, {"m": v}) for i, v in enumerate([NAN, INF, -INF, "NaN", 2**60 + 1, 10**400])]
    )
    assert str(values(read_history(path), "m")) == str([NAN, INF, -INF, NAN, float(2**60), INF])


def test_what_is_no_number_is_counted(tmp_path):
    """Texts, booleans, null, lists and media are left out of the series and counted per metric."""
    odd = {"text": "a", "flag": True, "null": None, "list": [1], "img": {"_type": "image-file", "size": 3}}
    history = read_history(w.log(tmp_path, [w.row(step, {**odd, "m": step}) for step in range(3)]))
    assert list(history) == ["m"]
    assert dict(history.skipped) == {"text": 3, "flag": 3, "null": 3, "list": 3, "img": 3}


def test_media_in_parts_is_no_metric(tmp_path):
    """Newer files spread a media value over nested keys; its size and width are not metrics."""
    parts = {("img", "_type"): "image-file", ("img", "size"): 3, ("hist", "_type"): "histogram", "m": 1.0}
    history = read_history(w.log(tmp_path, [w.row(0, parts)]))
    assert list(history) == ["m"]
    assert dict(history.skipped) == {"hist": 1, "img": 1}


@pytest.mark.parametrize("form", [{"a": {"b": {"c": 5}}}, {("a", "b", "c"): 5}, {"a.b.c": 5}])
def test_nested_names_are_dotted(tmp_path, form):
    """A nested value has one dotted name, whether it was written as JSON, nested or flat."""
    history = read_history(w.log(tmp_path, [w.row(0, form)]))
    assert values(history, "a.b.c") == [5]
    assert values(read_history(w.log(tmp_path, [w.row(0, form)]), keys=["a.b.c"]), "a.b.c") == [5]
    assert not read_history(w.log(tmp_path, [w.row(0, form)]), keys=["a.b"])


def test_typed_values(tmp_path):
    """The typed values of 0.31 (integer, double, boolean, text, json, none) are understood."""
    zigzag = {3: 6, -3: 5}
    typed = [
        w.field(5, zigzag[3]),
        w.field(5, zigzag[-3]),
        w.field(6, 0.25),
        w.field(8, "[1]"),
        w.field(8, "7"),
    ]
    others = [w.field(4, 1), w.field(7, "text"), w.field(3, 0)]
    rows = [w.field(2, w.field(1, w.field(2, "m") + value) + w.field(2, w.field(1, step)))
            for step, value in enumerate(typed + others, start=1)]  # fmt: skip
    history = read_history(w.log(tmp_path, rows))
    assert (history["m"].steps.tolist(), values(history, "m")) == ([1, 2, 3, 5], [3, -3, 0.25, 7])
    assert history.skipped["m"] == 4


def test_rows_without_a_step(tmp_path):
    """Rows without a step take it from `_step`, or count on."""

    def bare(values):
        return w.field(2, b"".join(w.field(1, w.item(k, v)) for k, v in values.items()))

    history = read_history(w.log(tmp_path, [bare({"m": 1, "_step": 10}), bare({"m": 2}), bare({"m": 3})]))
    assert history["m"].steps.tolist() == [10, 11, 12]


def test_later_value_of_a_step_wins(tmp_path):
    """Rows out of order are sorted by step; of two values at one step the later counts."""
    history = read_history(w.log(tmp_path, [w.row(s, {"m": v}) for s, v in [(2, 1.0), (1, 2.0), (2, 3.0)]]))
    assert (history["m"].steps.tolist(), values(history, "m")) == ([1, 2], [2.0, 3.0])


@pytest.mark.parametrize(
    ("keys", "names"),
    [(None, ["eval/l1", "train/l1", "train/loss"]), (["train/*"], ["train/l1", "train/loss"]),
     (["*/l1"], ["eval/l1", "train/l1"]), (["train/loss", "none"], ["train/loss"]), ([], []),
     ("eval/l1", ["eval/l1"])],
)  # fmt: skip
def test_keys_select_metrics(tmp_path, keys, names):
    """Only the metrics that are named, or match a pattern, are returned."""
    path = w.log(tmp_path, [w.row(0, {"train/loss": 1, "train/l1": 2, "eval/l1": 3})])
    assert list(read_history(path, keys)) == names


def test_long_names_many_parts_and_long_numbers(tmp_path):
    """Names and numbers beyond the sizes that the fast way takes are read all the same."""
    deep = ("p",) * 9
    history = read_history(w.log(tmp_path, [w.row(1, {"x" * 300: 1.5, deep: 2, "long": 10**50})]))
    assert [values(history, n) for n in ("x" * 300, ".".join(deep), "long")] == [[1.5], [2], [1e50]]


def test_a_long_name_is_found_by_name(tmp_path):
    """A metric of a very long name is read when it is asked for, in files of few and of many rows."""
    long = "x" * 1000
    for count in (3, 100):
        path = w.log(tmp_path, [w.row(step, {"m": 1, long: step}) for step in range(count)])
        assert list(read_history(path, keys=[long])) == [long]
        assert values(read_history(path, keys=["x*"]), long) == list(range(count))


def test_run_record(tmp_path):
    """The run's record, config, tags, start and page are read."""
    run = w.run("abc123", entity="me", project="p", group="g", job_type="t", name="n", notes="hi",
                tags=["a", "b"], config={"lr": 0.1, "ot": {"reg": 1}, "_wandb": {}})  # fmt: skip
    record = read_history(w.log(tmp_path, [run])).run
    assert (record.run_id, record.entity, record.project, record.group) == ("abc123", "me", "p", "g")
    assert (record.job_type, record.name, record.notes, record.tags) == ("t", "n", "hi", ("a", "b"))
    assert record.config == {"lr": 0.1, "ot": {"reg": 1}}
    assert (record.start_time, record.url) == (1_700_000_000.5, "https://wandb.ai/me/p/runs/abc123")


def test_summary_is_the_sum_of_its_updates(tmp_path):
    """W&B's summary is what remains after all updates and removals, in order."""
    updates = [w.summary({"m": 1, "gone": 1, ("a", "b"): 1}), w.summary({"m": 2, "text": "x"}),
               w.summary({}, removed=["gone"]), w.summary({("a", "c"): 3})]  # fmt: skip
    history = read_history(w.log(tmp_path, [w.row(0, {"m": 2}), *updates]))
    assert dict(history.summary) == {"m": 2, "a": {"b": 1, "c": 3}, "text": "x"}


def test_exit_code_and_unfinished_run(tmp_path):
    """The exit code is kept; a run without an exit record is not finished and that alone is no problem."""
    assert read_history(w.log(tmp_path, [w.row(0, {"m": 1}), w.exit_record(3)])).exit_code == 3
    history = read_history(w.log(tmp_path, [w.row(0, {"m": 1})]))
    assert (history.finished, history.exit_code, history.problem) == (False, None, "")


def test_any_place_of_the_run_will_do(tmp_path):
    """The job dir, the wandb dir, the run dir and the file itself give the same history."""
    path = w.log(tmp_path, [w.row(0, {"m": 1})])
    for place in (tmp_path, path.parents[1], path.parent, path, str(path)):
        assert read_history(place)["m"].values.tolist() == [1]


def test_nothing_there(tmp_path):
    """Missing and empty places give no metrics and say what was looked for, and where."""
    missing, empty = read_history(tmp_path / "x"), read_history(tmp_path)
    assert (len(missing), len(empty)) == (0, 0)
    assert missing.problem == f"no history at {tmp_path / 'x'}: there is no such file or directory"
    assert empty.problem == f"no history at {tmp_path}: no {looked_for()} in it"
    assert looked_for().startswith("run-*.wandb, wandb-history.jsonl or wandb-summary.json, ")


def test_resumed_run_is_joined(tmp_path):
    """Several files of one run are joined in order of time, and the later wins."""
    for stamp, rows in (("20260101_000000", [(0, 1), (1, 2)]), ("20260101_000100", [(1, 3), (2, 4)])):
        folder = tmp_path / "wandb" / f"offline-run-{stamp}-r1"
        folder.mkdir(parents=True)
        (folder / "run-r1.wandb").write_bytes(w.frame([w.row(s, {"m": v}) for s, v in rows]))
    assert values(read_history(tmp_path), "m") == [1, 3, 4]
    assert [p.name[12:27] for p in find_runs(tmp_path)] == ["20260101_000100", "20260101_000000"]


def test_newest_run_with_rows_is_read(tmp_path):
    """Of several runs the newest that logged anything is read; an empty newer one is mentioned."""
    for stamp, run_id, rows in (("1", "old", 1), ("2", "mid", 2), ("3", "new", 0)):
        folder = tmp_path / "wandb" / f"offline-run-20260101_00000{stamp}-{run_id}"
        folder.mkdir(parents=True)
        records = [w.run(run_id), *(w.row(s, {"m": s}) for s in range(rows))]
        (folder / f"run-{run_id}.wandb").write_bytes(w.frame(records))
    history = read_history(tmp_path)
    assert history.rows == 2
    assert "a newer run was passed over" in history.problem


def test_latest_run_link_is_not_followed(tmp_path):
    """A run is found once, not again through the `latest-run` link."""
    path = w.log(tmp_path, [w.row(0, {"m": 1})])
    (path.parents[1] / "latest-run").symlink_to(path.parent)
    assert find_runs(tmp_path) == [path.parent]


def test_legacy_jsonl(tmp_path):
    """The lines of a wandb-history.jsonl are read, damaged ones told."""
    folder = tmp_path / "wandb" / "dryrun-20200101_000000-r1"
    folder.mkdir(parents=True)
    lines = ['{"m": 1.5, "n": {"a": 2}, "_step": 0}', '{"m": NaN, "t": "x", "_step": 5}', "{damaged"]
    (folder / "wandb-history.jsonl").write_text("\n".join(lines))
    (folder / "config.yaml").write_text("lr:\n  desc: null\n  value: 0.1\nwandb_version: 1\n")
    history = read_history(tmp_path)
    assert (history["m"].steps.tolist(), str(values(history, "m"))) == ([0, 5], "[1.5, nan]")
    assert (values(history, "n.a"), dict(history.skipped), history.source) == ([2], {"t": 1}, "jsonl")
    assert (history.run.run_id, history.run.config) == ("r1", {"lr": 0.1})
    assert "1 lines are not JSON objects (first: line 3)" in history.problem


def test_summary_file_alone(tmp_path):
    """A wandb-summary.json alone gives one point per metric, and says that it is no history."""
    folder = tmp_path / "wandb" / "run-20260101_000000-r1" / "files"
    folder.mkdir(parents=True)
    (folder / "wandb-summary.json").write_text(json.dumps({"m": 1.5, "_step": 7, "_wandb": {"runtime": 3}}))
    history = read_history(tmp_path)
    assert (history["m"].steps.tolist(), values(history, "m"), list(history)) == ([7], [1.5], ["m"])
    assert history.source == "summary"
    assert "only the last values" in history.problem


def test_step_metrics(tmp_path):
    """What define_metric said about the axis of a metric is kept."""
    metric = w.field(12, w.field(2, "eval/*") + w.field(4, "epoch"))
    assert dict(read_history(w.log(tmp_path, [metric])).step_metrics) == {"eval/*": "epoch"}


def test_following_a_growing_file(tmp_path):
    """Updates return each point once, whatever the sizes of the pieces that the file grows by."""
    records = [w.run(), *(w.row(s, {"m": s, "x": "y" * 3000}) for s in range(60)), w.exit_record()]
    whole = w.frame(records)
    path = w.log(tmp_path, [])
    reader, seen = HistoryReader(tmp_path), []
    for size in [*range(0, len(whole), 1777), len(whole)]:
        path.write_bytes(whole[:size])
        new = reader.update()
        seen += new["m"].values.tolist() if "m" in new else []
        assert new.problem in ("", f"{path} is empty")
    assert seen == list(range(60))
    assert reader.history()["m"].values.tolist() == seen
    assert reader.update().finished and not reader.update()


def test_an_update_reads_only_what_is_new(tmp_path):
    """Bytes that an update has used are not read again: they may even be overwritten."""
    records = [w.run(), *(w.row(s, {"m": s, "x": "y" * 500}) for s in range(300))]
    whole = w.frame(records)
    path = w.log(tmp_path, records[:200])
    reader = HistoryReader(path)
    used = len(reader.update()["m"])
    path.write_bytes(
        w.HEADER + bytes(len(w.frame(records[:150])) - len(w.HEADER)) + whole[len(w.frame(records[:150])) :]
    )
    assert reader.update()["m"].steps.tolist() == list(range(used, 300))
    assert reader.history().problem == ""


def test_replaced_file_is_read_again(tmp_path):
    """A file that became shorter, or was replaced by another, is read from its start."""
    path = w.log(tmp_path, [w.row(s, {"m": s}) for s in range(50)])
    reader = HistoryReader(path)
    assert len(reader.update()["m"]) == 50
    path.write_bytes(w.frame([w.row(0, {"m": 7})]))
    assert reader.update()["m"].values.tolist() == [7]
    other = path.with_name("other")
    other.write_bytes(w.frame([w.row(s, {"m": 8}) for s in range(50)]))
    other.replace(path)
    assert len(reader.update()["m"]) == 50
    assert reader.restarts == 2


def test_history_by_hand():
    """A history can be made by hand, and survives a trip to another process."""
    history = History.from_values({"loss": [3, 2, 1], "acc": [0.1, NAN, 0.3]}, steps=[0, 10, 20])
    assert history["loss"].steps.tolist() == [0, 10, 20]
    again = pickle.loads(pickle.dumps(history))
    assert (dict(again), again.problem) == (dict(history), "")
    assert history["loss"].steps.dtype == np.int64 and history["loss"].values.dtype == np.float64


def test_values_on_request(tmp_path):
    """What is no number can be asked for by name, with its steps."""
    media = {"_type": "image-file", "size": 3}
    path = w.log(tmp_path, [w.row(0, {"text": "a", "d": {"x": "y"}}), w.row(3, {"text": "b", "img": media})])
    assert read_values(path, "text") == [(0, "a"), (3, "b")]
    assert read_values(tmp_path, "img") == [(3, media)]
    assert read_values(tmp_path, "d.x") == [(0, "y")]
    assert read_values(tmp_path / "none", "text") == []


def test_a_metric_against_its_own_axis(tmp_path):
    """A metric can be drawn over the metric that define_metric named, or over time."""
    metric = w.field(12, w.field(2, "eval/*") + w.field(4, "epoch"))
    rows = [w.row(0, {"epoch": 0, "_runtime": 1.5}), w.row(1, {"epoch": 1, "eval/acc": 0.5, "_runtime": 2.5})]
    history = read_history(w.log(tmp_path, [metric, *rows]))
    assert [column.tolist() for column in history.against("eval/acc")] == [[1], [0.5]]
    assert [column.tolist() for column in history.against("eval/acc", "_runtime")] == [[2.5], [0.5]]
    assert [column.tolist() for column in history.against("epoch")] == [[0, 1], [0, 1]]
    with pytest.raises(KeyError):
        history.against("eval/acc", "nothing")


PEAK = """
import re, sys
from autoloop.history.find import looked_for
from autoloop.history import read_history
history = read_history(sys.argv[1], ["m"])
print(len(history["m"]), int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
"""


def test_memory_does_not_grow_with_the_file(tmp_path):
    """A file of 50 MB, asked for one metric, takes no more memory than one of 10 MB, and less than 80 MB."""
    text, peaks = "x" * 20_000, []
    for rows in (500, 2500):
        path = w.log(tmp_path / str(rows), [w.row(step, {"m": step, "t": text}) for step in range(rows)])
        done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, check=True)
        points, peak = map(int, done.stdout.split())
        assert points == rows
        peaks.append(peak)
    assert peaks[1] < min(peaks[0] + 8, 80)


def test_many_runs_by_several_processes(tmp_path, monkeypatch):
    """Many runs are read in order, by one process or several, with the same result."""
    paths = [w.log(tmp_path / str(index), [w.run(), w.row(0, {"m": index})]) for index in range(6)]
    alone = [history["m"].values[0] for history in read_histories(paths, ["m"])]
    monkeypatch.setattr("autoloop.history.reader._WORTH_PROCESSES_BYTES", 1)
    together = [history["m"].values[0] for history in read_histories(paths, ["m"], workers=2)]
    assert alone == together == list(range(6))


def test_deep_keys_and_selection(tmp_path):
    """A key with more parts than the fast way takes is found when it is asked for by name."""
    deep = tuple("abcdefg")
    path = w.log(tmp_path, [w.row(0, {deep: 1.5, ("a", "b"): 2})])
    assert values(read_history(path, keys=[".".join(deep)]), ".".join(deep)) == [1.5]
    assert list(read_history(path, keys=["a.*"])) == ["a.b", ".".join(deep)]


def test_summary_of_named_keys_only(tmp_path):
    """With keys, W&B's summary is read as far as they go, also when a key was set long ago."""
    updates = [w.summary({"old": 1}), *(w.summary({"m": i, "n": i}) for i in range(100))]
    path = w.log(tmp_path, [w.row(0, {"m": 1}), *updates])
    assert dict(read_history(path, keys=["m"]).summary) == {"m": 99}
    assert dict(read_history(path, keys=["m", "old"]).summary) == {"m": 99, "old": 1}


def test_summary_is_read_when_looked_at(tmp_path):
    """A summary comes from the file on first use, also of a copied or joined history; a lost file is told."""
    path = w.log(tmp_path, [w.run(), w.row(1, {"m": 1}), w.summary({"m": 1})])
    history, followed, unread = read_history(path), HistoryReader(path).update(), read_history(path)
    copied = pickle.loads(pickle.dumps(history))
    joined = history.then(copied)
    for one in (history, followed, copied, joined, history.select(["m"])):
        assert (dict(one.summary), one.problem) == ({"m": 1}, "")
    path.unlink()
    assert dict(history.summary) == {"m": 1}
    assert dict(unread.summary) == {}
    assert unread.problem == f"W&B's summary in {path} cannot be read any more: No such file or directory"


def test_summary_is_of_the_same_moment_as_the_series(tmp_path):
    """What is written after a history was read is not in its summary; a file that shrank is told."""
    records = [w.run(), w.row(1, {"m": 1}), w.summary({"m": 1})]
    path = w.log(tmp_path, records)
    before, late = read_history(path), read_history(path)
    path.write_bytes(w.frame([*records, w.row(2, {"m": 2}), w.summary({"m": 2})]))
    assert dict(before.summary) == {"m": 1}
    assert dict(read_history(path).summary) == {"m": 2}
    path.write_bytes(w.frame(records[:2]))
    assert (dict(late.summary), "has become shorter" in late.problem) == ({}, True)


def test_fork_of_another_run(tmp_path):
    """A forked run tells where it leaves the other one."""
    branch = w.field(23, w.field(1, "parent1") + w.field(2, 9.0) + w.field(3, "_step"))
    fork = w.field(17, w.field(1, "r2") + branch)
    assert read_history(w.log(tmp_path, [fork, w.row(10, {"m": 1})])).run.forked_from == "parent1?_step=9"
    assert read_history(w.log(tmp_path, [w.run()])).run.forked_from == ""


@pytest.mark.parametrize(("start", "said"), [(100.5, True), (200.0, False)])
def test_two_writers_of_one_run_are_told(start, said, tmp_path):
    """As with W&B's mode="shared"; a run that was resumed has one part after the other."""
    for stamp, began in (("000001", 100.0), ("000002", start)):
        run = tmp_path / f"offline-run-20260101_{stamp}-abc123"
        run.mkdir()
        w.log(run, [w.row(step, {"loss": began, "_timestamp": began + step}) for step in range(5)])
    history = read_history(tmp_path)
    assert history["loss"].values.tolist() == [start] * 5
    assert ("two processes logged loss into one run" in history.note) == said


@pytest.mark.parametrize(
    ("primaries", "counts", "said"),
    [((1,), 1, "of the primary process counts"), ((2,), 2, "of the primary process counts"),
     ((1, 2), 2, "of the one that started last counts"), ((), 2, "of the one that started last counts")],
)  # fmt: skip
def test_of_two_writers_the_primary_counts(primaries, counts, said, tmp_path):
    """The one that saved W&B's own files; where that tells nothing, the one that started last."""
    for number in (1, 2):
        (run := tmp_path / f"{number}").mkdir()
        rows = [w.row(s, {"loss": number, f"own{number}": s, "_timestamp": s + number}) for s in range(5)]
        log = w.log(run, [w.run(), *rows])
        if number in primaries:
            (log.parent / "files").mkdir()
            (log.parent / "files" / "wandb-metadata.json").write_text("{}")
    history = read_history(tmp_path)
    assert history["loss"].values.tolist() == [counts] * 5
    assert sorted(history) == ["loss", "own1", "own2"]
    assert said in history.note and f"/{counts}/wandb/" in history.note


def test_a_decimal_is_a_number(tmp_path):
    """W&B writes a Decimal as a text that is a number from end to end; other texts are none."""
    history = read_history(w.log(tmp_path, [w.row(0, {"d": "-1.5E-7", "date": "2026-01-01", "word": "1_0"})]))
    assert history["d"].values.tolist() == [-1.5e-7] and dict(history.skipped) == {"date": 1, "word": 1}
