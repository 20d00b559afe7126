"""`autoloop generate`: a variant of a config as a new file."""

import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoloop.config.base_config import read_config_file
from autoloop.views.generate import Base, base_from_file, format_config, generate
from tests.helpers.places import DATA

BASELINE = DATA / "act_ot_baseline.json"


@pytest.fixture
def base(tmp_path):
    return Path(shutil.copy(BASELINE, tmp_path / "base.json"))


def keys_of(value):
    """Keys in their order, with the types of the values."""
    if isinstance(value, dict):
        return [(key, keys_of(item)) for key, item in value.items()]
    return [keys_of(item) for item in value] if isinstance(value, list) else type(value)


def test_edits_change_what_they_say_and_keep_types_and_order(cli, base):
    """The users' quick start: only the edited values differ; ints stay ints, keys keep their order."""
    done = cli(
        "generate", "--base-cfg", base, "--reason", "reg+tau", "--changes",
        "ot.loss_config.reg@mul=1.5", "ot.loss_config.tau_src@set=1.0", "batch_size@mul=1.4",
        "ot.lambda_ot@set=0.12",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    path = Path(done.stdout.splitlines()[0])
    assert path.parent == base.parent and path.name.startswith("base-reg_mul_1.5-tau_src_set_1.0")
    old, new = json.loads(base.read_text()), json.loads(path.read_text())
    assert keys_of(new) == keys_of(old)
    old["ot"]["loss_config"].update(reg=0.15, tau_src=1.0)
    old["ot"]["lambda_ot"] = 0.12
    old["batch_size"] = 11
    assert new == old
    assert "batch_size: 8 -> 11" in done.stderr and "rounded to 11" in done.stderr


def test_command_that_trains_it_is_printed(cli, base, tmp_path):
    """The second line is the exact command; words behind -- are added to it."""
    done = cli(
        "generate", "--base-cfg", base, "--reason", "r", "--out-dir", tmp_path / "new", "--task", "lerobot",
        "--changes", "ot.lambda_ot@set=0.12", "--", "steps=2000",
    )  # fmt: skip
    path, command = done.stdout.splitlines()
    assert Path(path).parent == tmp_path / "new"
    assert command == f"python -m autoloop.train task=lerobot base_config={path} steps=2000"


def test_lineage_stands_beside_the_file_not_in_it(cli, base):
    """Where it comes from, why, what changed and how to train it."""
    done = cli("generate", "--base-cfg", base, "--reason", "less batch", "--changes", "batch_size@set=4")
    path, command = done.stdout.splitlines()
    lineage = json.loads(Path(path).with_suffix(".lineage.json").read_text())
    assert lineage["from"] == {"base_cfg": str(base.resolve())}
    assert (lineage["reason"], lineage["edits"]) == ("less batch", ["batch_size@set=4"])
    assert lineage["changes"] == [{"path": "batch_size", "old": 8, "new": 4}]
    assert " ".join(lineage["command"]) == command
    assert "less batch" not in Path(path).read_text()


def test_a_name_holds_whole_edits(cli, base):
    """A value is never cut: 0.12 in a file's name does not become 0."""
    few = cli("generate", "--base-cfg", base, "--reason", "x", "--changes", "ot.lambda_ot@set=0.12")
    assert few.stdout.splitlines()[0].endswith(f"{base.stem}-lambda_ot_set_0.12.json")
    edits = ["ot.loss_config.reg@mul=1.5", "ot.loss_config.tau_src@set=1.0", "ot.loss_config.tau_tgt@set=1.0"]
    many = cli("generate", "--base-cfg", base, "--reason", "x", "--changes", *edits, "ot.lambda_ot@set=0.12")
    name = many.stdout.splitlines()[0]
    assert name.endswith(f"{base.stem}-reg_mul_1.5-tau_src_set_1.0-tau_tgt_set_1.0-1_more.json")


def test_no_file_is_ever_replaced(base):
    """The same edits many times at once: as many files, each whole."""
    source = base_from_file(base, "lerobot")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: generate(source, ["seed@set=7"], "r", None, "now"), range(24)))
    assert len({one.path for one in made}) == 24
    assert all(json.loads(one.path.read_text())["seed"] == 7 for one in made)
    before = base.read_bytes()
    generate(source, ["seed@set=8"], "r", None, "now")
    assert base.read_bytes() == before


def test_config_of_a_hydra_job_is_trained_by_its_overrides(cli, study, tmp_path):
    """From a job of a study: its config as a file, and its command with the edits as overrides."""
    done = cli(
        "generate", "--from-job", study, "r2_still_improving", "--changes", "steps@mul=2",
        "--reason", "longer", "--out-dir", tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    path, command = done.stdout.splitlines()
    assert read_config_file(Path(path))["steps"] == 80
    assert read_config_file(Path(path))["lr"] == 0.002
    assert command.endswith("app.py luck=luck.txt lr=0.002 steps=80")


def test_config_of_a_job_may_be_copied_without_edits(cli, study, tmp_path):
    """Without edits it is written as it is; no reason is needed."""
    done = cli("generate", "--from-job", study, "0", "--out-dir", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert Path(done.stdout.splitlines()[0]) == tmp_path / "baseline.yaml"


@pytest.mark.parametrize(
    "words, message",
    [
        (["--changes", "seed@set=1"], "--changes needs a --reason"),
        (["--reason", "r"], "--base-cfg needs --changes"),
        (["--reason", "r", "--changes", "ot.lambd_ot@set=1"], "did you mean 'lambda_ot'?"),
        (["--reason", "r", "--changes", "seed@sett=1"], "did you mean 'set'?"),
        (["--reason", "r", "--changes", "seed@set=42"], "nothing is changed by 'seed@set=42'"),
        (["--from-wandb", "a/b/c", "--reason", "r"], "give one of --base-cfg, --from-wandb and --from-job"),
    ],
)
def test_mistakes_write_nothing(cli, base, words, message):
    """A mistake is told before anything is written."""
    done = cli("generate", "--base-cfg", base, *words)
    assert done.exit_code == 2 and message in done.stderr
    assert list(base.parent.iterdir()) == [base]


def test_config_that_does_not_parse_is_told_with_line_and_column(cli, tmp_path):
    """Where the JSON breaks off."""
    path = tmp_path / "bad.json"
    path.write_text('{"a": 1,\n "b": }')
    done = cli("generate", "--base-cfg", path, "--reason", "r", "--changes", "a@set=2")
    assert done.exit_code == 2
    assert f"{path}, line 2, column 7" in done.stderr


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("aéß1.e-${}:#'\" \n"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc._ 1", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(config=st.dictionaries(st.text("abcé_", min_size=1), VALUES, max_size=4))
def test_any_config_is_read_back_as_it_was_written(tmp_path_factory, config):
    """What is written reads back with the same values, types and order of keys."""
    path = tmp_path_factory.mktemp("round") / "config.json"
    path.write_text(format_config(config, ".json"), encoding="utf-8")
    back = read_config_file(path)
    assert back == config and keys_of(back) == keys_of(config)


@pytest.mark.parametrize(
    "value", ["1e-5", "null", "true", "on", "0x10", "12", "", " x", "a: b", "#", "${seed}", "é"]
)
def test_text_in_yaml_stays_text(tmp_path, value):
    """Texts that look like other things are quoted; interpolations stay as they are written."""
    base = Base({"seed": 1, "text": value, "small": 1e-05}, "b", ".yaml", tmp_path, {}, ("python",))
    path = generate(base, ["seed@set=2"], "r", None, "now").path
    assert read_config_file(path) == {"seed": 2, "text": value, "small": 1e-05}
    assert math.isclose(read_config_file(path)["small"], 1e-5)


def test_older_name_and_options(cli, process, base, tmp_path):
    """`python -m autoloop.generate_and_run --base-cfg --reason --changes ... --steps --out-dir` works on."""
    done = process(
        "-m", "autoloop.generate_and_run", "--base-cfg", base, "--reason", "probe", "--changes",
        "ot.loss_config.tau_src@set=2.0", "ot.lambda_ot@set=0.15", "--steps", "2000",
        "--out-dir", tmp_path / "v", "--wandb-online", "--wandb-entity", "me", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path, command = done.stdout.splitlines()
    assert json.loads(Path(path).read_text())["ot"]["lambda_ot"] == 0.15
    assert command.endswith(" steps=2000 wandb.mode=online wandb.entity=me")
    refused = process(
        "-m",
        "autoloop.generate_and_run",
        "--base-cfg",
        base,
        "--reason",
        "r",
        "--changes",
        "x@set=1",
        cwd=tmp_path,
    )
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
