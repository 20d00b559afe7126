"""`autoloop analyze DIR`: summaries of local W&B runs of any layout."""

import csv
import io
import json
import math
import shutil

from autoloop.history import History, read_history
from autoloop.views.analysis.runs import Look, analyse, as_json
from autoloop.views.analysis.tables import overview
from autoloop.views.analysis.tree import analyse_tree, find_local_runs
from tests.cli.app import loss, write_run
from tests.helpers import wandb_file as w


def test_every_layout_is_found_newest_first(cli, tree):
    """A job dir alone, deep ones, several runs in one wandb dir; the key leads back to the run."""
    keys = [run.key for run in find_local_runs(tree)]
    assert keys == [
        "broken",
        "two/wandb/offline-run-20260104_000004-id04",
        "two/wandb/offline-run-20260103_000003-id03",
        "deep/er/b",
        "a",
    ]
    assert all(read_history(tree / key)["train/loss"].steps.size for key in keys[1:])


def test_json_is_in_the_form_of_autorun_summary(cli, tree):
    """Run dir -> metric -> first, last, best, best_step, delta, pct, count; and steps."""
    done = cli("analyze", tree, "--json", "-", "--metrics", "train/loss")
    found = json.loads(done.stdout)
    first, last = loss(0.002, 1), loss(0.002, 40)
    expected = {"first": first, "last": last, "best": last, "best_step": 40, "delta": last - first}
    expected |= {"pct": 100 * (last - first) / first, "count": 40}
    assert found["a"] == {"train/loss": expected, "steps": 40}
    assert found["broken"] == {"steps": 0}


def test_json_of_a_study_equals_what_the_study_wrote(cli, study, tmp_path):
    """Keys, names and goals are the study's own."""
    done = cli("analyze", study, "--json", tmp_path / "o.json")
    assert done.exit_code == 0, done.stderr
    written = json.loads((study / "reports" / "data" / "autorun_summary.json").read_text())
    found = json.loads((tmp_path / "o.json").read_text())
    assert found == {key: item for key, item in written.items() if key in found}
    assert set(found) == {"0", "2"}, "job 1 failed before its run began"


def test_unreadable_runs_are_listed_with_the_reason(cli, tree):
    """A damaged run does not hide the others, and is named."""
    done = cli("analyze", tree)
    assert done.exit_code == 0
    assert "5 W&B runs" in done.stdout
    section = done.stdout.partition("Could not be read:")[2]
    assert section.strip().startswith("broken: ") and len(section.strip()) > len("broken: ")


def test_only_unreadable_runs_are_exit_code_1(cli, tree):
    """Nothing could be read: that is not done."""
    done = cli("analyze", tree / "broken")
    assert done.exit_code == 1
    assert done.stderr == "Error: none of these runs could be read\n"


def test_limit_takes_the_newest(cli, tree):
    """--limit counts from the newest."""
    done = cli("analyze", tree, "--limit", "2", "--json", "-")
    assert list(json.loads(done.stdout)) == ["broken", "two/wandb/offline-run-20260104_000004-id04"]


def test_metrics_are_chosen_by_names_and_globs(cli, tree):
    """Only these columns and entries; a name that no run has is answered with the nearest."""
    done = cli("analyze", tree, "--metrics", "train/*,eval/loss", "--json", "-")
    assert set(json.loads(done.stdout)["a"]) == {"train/loss", "train/lr", "eval/loss", "steps"}
    wrong = cli("analyze", tree, "--metrics", "train/los")
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "Error: no run has a metric 'train/los'; did you mean 'train/loss'?\n",
    )


def test_table_has_last_value_and_change(cli, tree):
    """A terminal shows where each metric ended and by how much it changed."""
    done = cli("analyze", tree, "--metrics", "train/loss")
    row = next(line for line in done.stdout.splitlines() if line.startswith("a "))
    assert row.split() == ["a", "40", "0.6273", "(-42.1", "%)"]


def test_csv_has_one_line_for_each_run_and_metric(cli, tree):
    """Numbers in full, as JSON has them."""
    rows = list(csv.DictReader(io.StringIO(cli("analyze", tree, "--csv", "-").stdout)))
    assert len(rows) == 4 * 3
    a = next(row for row in rows if (row["run_dir"], row["metric"]) == ("a", "train/loss"))
    assert (float(a["last"]), a["steps"], a["count"]) == (loss(0.002, 40), "40", "40")


def test_rules_propose_for_each_run_by_the_config_it_logged(cli, tree):
    """With --rules: which rule, why, and edits of knobs that the run's config has."""
    done = cli("analyze", tree, "--rules", "general")
    proposals = done.stdout.partition("Proposals:\n")[2].splitlines()
    assert proposals[0].startswith(
        "  two/wandb/offline-run-20260104_000004-id04  still_improving: eval/loss fell by"
    )
    assert proposals[1] == "      lr@mul=2"


def test_rules_of_a_file(cli, tree, tmp_path):
    """The user's own rules, with their own thresholds."""
    rules = tmp_path / "mine.yaml"
    rules.write_text(
        "high: {_target_: autoloop.rules.MetricLevel, metric: train/loss, stat: last, above: 0.9,"
        " edits: [lr@mul=5]}\n"
    )
    done = cli("analyze", tree, "--rules", rules, "--limit", "3")
    assert done.stdout.count("lr@mul=5") == 2, done.stdout


def test_older_names_of_metrics_are_known(cli, tmp_path):
    """Aliases hold in any tree: train/ot_ot_pi_sum is train/ot_pi_sum, best high."""
    rows = [w.row(step, {"train/ot_ot_pi_sum": step / 10}) for step in range(1, 6)]
    w.log(tmp_path, [w.run(), *rows])
    found = json.loads(cli("analyze", tmp_path, "--json", "-").stdout)["."]
    assert found["train/ot_pi_sum"]["best"] == 0.5


def test_resumed_run_is_one_run(tmp_path):
    """The files of one run id are joined in order of time."""
    config = {"lr": 0.001}
    first = write_run(tmp_path / "x", 0.001, 10, "20260101_000001", config)
    again = write_run(tmp_path / "y", 0.001, 20, "20260102_000001", config)
    shutil.move(again.parent, first.parent.parent)
    (run,) = analyse_tree(tmp_path, Look())
    assert (run.key, run.steps, run.summary["train/loss"].count) == ("x", 20, 20)


def test_many_runs_are_read_in_several_processes_with_the_same_result(tmp_path):
    """Over 64 runs are spread over the cores; order and content stay."""
    config = {"lr": 0.001}
    for number in range(70):
        write_run(tmp_path / f"job{number}", 0.001, 3, f"20260101_0001{number:02d}", config)
    few, many = analyse_tree(tmp_path, Look(), limit=60), analyse_tree(tmp_path, Look())
    assert [run.key for run in many] == [f"job{number}" for number in reversed(range(70))]
    assert as_json(many[:60]) == as_json(few)


def test_hostile_names_cannot_break_the_terminal(cli, tmp_path):
    """Control characters in run and metric names are written out."""
    evil = "\x1b[31mred\x1b]0;t\x07"
    rows = [w.row(step, {f"{evil}/loss": 1.0}) for step in range(3)]
    path = tmp_path / evil.replace("/", "") / "wandb" / "offline-run-20260101_000000-abc"
    path.mkdir(parents=True)
    (path / "run-abc.wandb").write_bytes(w.frame([w.run("abc", name=evil), *rows]))
    done = cli("analyze", tmp_path)
    assert done.exit_code == 0 and "\\x1b[31mred" in done.stdout
    assert not any(ord(char) < 32 and char != "\n" for char in done.stdout)


def test_older_name_and_options(process, tree, tmp_path):
    """`python -m autoloop.analyze_offline` scans outputs/train and writes a summary file."""
    shutil.move(tree, tmp_path / "outputs" / "train")
    done = process("-m", "autoloop.analyze_offline", "--limit", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "reports" / "data" / "offline_summary.json").read_text())
    assert len(found) == 3 and found["broken"] == {"steps": 0}


def test_the_change_of_a_metric_that_begins_at_0_is_told_as_it_is():
    """A success rate from 0 has no percentage."""
    history = History.from_values({"success": [0.0, 0.3], "loss": [2.0, 1.0]})
    text = overview([analyse("run", history, Look())], "here")
    assert "0.3 (+0.3 from 0)" in text
    assert "1 (-50.0 %)" in text


def test_what_is_no_number_is_said():
    """A loss that was never finite is not missing; of one that was not at times it says how often."""
    history = History.from_values({"train/loss": [math.nan] * 3, "eval/loss": [4.0, math.nan, 2.0]})
    line = overview([analyse("run", history, Look())], "here", asked=True).splitlines()[-1]
    assert line.endswith("2 (-50.0 %, 1 NaN or inf)  NaN or inf")
