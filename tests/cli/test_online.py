"""Runs of W&B's server, read over real HTTP from a stand-in."""

import json

import pytest

from tests.cli.wandb_server import Project, make_run, serve

KEY = "k" * 40


def curve(scale, count=9):
    return [
        {"_step": i, "_runtime": i, "train/ot_pi_sum": 1e-6, "train/l1_loss": scale / (i + 1)}
        for i in range(count)
    ]


def runs():
    config = {"ot": {"loss_config": {"reg": 0.1}}, "seed": 3}
    last_nan = [*curve(2.0), {"_step": 9, "train/l1_loss": "NaN"}]
    return [
        make_run("old", curve(1.0), config, group="night-1", tags=["probe"], created="2026-01-01T00:00:00"),
        make_run(
            "new", last_nan, config, group="night-2", tags=["probe", "x"], created="2026-01-03T00:00:00"
        ),
        make_run("mid", curve(3.0), config, group="day", tags=[], created="2026-01-02T00:00:00"),
        make_run("none", [], config, group="day", tags=["empty"], created="2025-01-02T00:00:00"),
    ]


@pytest.fixture
def online(process, tmp_path):
    """Call the command against a project; the result also has what the server was asked."""

    def call(*words, project=None):
        project = project or Project(runs())
        with serve(project) as address:
            done = process("-m", *words, cwd=tmp_path, WANDB_BASE_URL=address, WANDB_API_KEY=KEY)
        done.asked = project.asked
        return done

    return call


def test_every_run_is_read_whole_newest_first_and_judged(online, tmp_path):
    """All pages of a project are read; the summaries have the form of autorun_summary.json; rules propose."""
    done = online("autoloop", "analyze", "--online", "ann/toy", "--json", "o.json", "--rules", "act_ot")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o.json").read_text())
    assert list(found) == ["ann/toy/new", "ann/toy/mid", "ann/toy/old", "ann/toy/none"]
    old = found["ann/toy/old"]["train/l1_loss"]
    assert (old["first"], old["count"], old["best_step"], found["ann/toy/old"]["steps"]) == (1.0, 9, 8, 8)
    assert found["ann/toy/new"]["train/l1_loss"]["count"] == 10, "NaN is a logged value"
    assert found["ann/toy/none"] == {"steps": 0}
    assert "ann/toy/none: the run has logged no number" in done.stdout
    assert "mass_collapsed: train/ot_pi_sum (last) is 1e-06, below 0.001" in done.stdout
    assert "ot.loss_config.reg@mul=1.6" in done.stdout


def test_filters_are_the_servers(online):
    """Group and tags are sent to the server as filters, so that a large project is not read in vain."""
    done = online(
        "autoloop", "analyze", "--online", "ann/toy", "--group", "night-", "--tag", "x", "--limit", "5"
    )
    assert done.returncode == 0, done.stderr
    assert "1 W&B run in ann/toy" in done.stdout and "ann/toy/new" in done.stdout
    filters = next(variables["filters"] for name, variables in done.asked if name == "Runs")
    assert json.loads(filters) == {"$and": [{"tags": "x"}, {"group": {"$regex": "night\\-"}}]}


def test_limit_reads_no_more_runs_than_asked_for(online):
    """Of the runs behind the limit no history is fetched."""
    done = online("autoloop", "analyze", "--online", "ann/toy", "--max-runs", "1", "--sampled")
    assert done.returncode == 0, done.stderr
    named = [
        variables.get("name") for name, variables in done.asked if "History" in name and "Keys" not in name
    ]
    assert set(named) == {"new"}
    assert {variables["samples"] for name, variables in done.asked if name == "RunFullHistory"} == {1000}


def test_unknown_project_is_one_line(online):
    """A project that the server does not know: exit code 1 and one line."""
    done = online("autoloop", "analyze", "--online", "ann/nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "Error: cannot read ann/nothing from W&B: Could not find project nothing"


def test_without_a_key_one_line_and_exit_code_1(process, tmp_path):
    """Without a key nobody is asked for one."""
    with serve(Project([])) as address:
        done = process(
            "-m", "autoloop", "analyze", "--online", "ann/toy", cwd=tmp_path, WANDB_BASE_URL=address
        )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "Error: reading W&B online needs an API key: set WANDB_API_KEY, or run `wandb login` "
        "(local runs need none: autoloop analyze DIR)"
    )


def test_without_a_network_one_line_and_exit_code_1(process, tmp_path):
    """A server that does not answer ends the command soon."""
    done = process(
        "-m", "autoloop", "analyze", "--online", "ann/toy",
        cwd=tmp_path, WANDB_BASE_URL="http://127.0.0.1:9", WANDB_API_KEY=KEY,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "Error: cannot read ann/toy from W&B: no way to http://127.0.0.1:9: Connection refused\n"
    )


def test_project_of_a_wrong_form_is_wrong_usage(cli):
    """ENTITY/PROJECT it must be."""
    done = cli("analyze", "--online", "toy")
    assert (done.exit_code, done.stderr) == (2, "Error: 'toy' is not ENTITY/PROJECT\n")


def test_config_of_a_run_becomes_a_base(online, tmp_path):
    """`generate --from-wandb` writes the config that a run logged, with edits."""
    done = online(
        "autoloop", "generate", "--from-wandb", "ann/toy/old", "--changes", "ot.loss_config.reg@mul=2",
        "--reason", "try", "--out-dir", "new",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = tmp_path / "new" / "old-reg_mul_2.json"
    assert json.loads(path.read_text()) == {"ot": {"loss_config": {"reg": 0.2}}, "seed": 3}
    lineage = json.loads(path.with_suffix(".lineage.json").read_text())
    assert lineage["from"] == {"wandb": "ann/toy/old"}


def test_older_name_and_options(online, tmp_path):
    """`python -m autoloop.analyze_wandb --entity --project --group --tags --limit` works on."""
    words = (
        "--entity",
        "ann",
        "--project",
        "toy",
        "--group",
        "night",
        "--tags",
        "x",
        "probe",
        "--limit",
        "3",
    )
    done = online("autoloop.analyze_wandb", *words, "--out", "o.json")
    assert done.returncode == 0, done.stderr
    assert list(json.loads((tmp_path / "o.json").read_text())) == ["ann/toy/new"]
    assert "Proposals:" in done.stdout
