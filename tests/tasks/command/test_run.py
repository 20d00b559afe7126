"""One run of an external trainer, without a study around it."""

from __future__ import annotations

import json

import pytest

from autoloop.errors import ConfigError
from autoloop.tasks.command import TrainerFailedError, preview, run
from tests.helpers.running import BASELINE, composed, records


@pytest.fixture(autouse=True)
def standin(tmp_path, monkeypatch):
    """The stand-in records here and writes its W&B file without wandb."""
    for name, value in {"STANDIN_RECORDS": str(tmp_path), "STANDIN_WANDB": "file"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("WANDB_NAME", "one")


def run_with(tmp_path, *words):
    job_dir = tmp_path / "job"
    job_dir.mkdir(exist_ok=True)
    with composed(job_dir, *words) as config:
        run(config)
    return job_dir


DECODING = "draccus.utils.DecodingError: "


@pytest.mark.parametrize(
    ("words", "error", "exit_code"),
    [
        (
            ["+config.stepz=5"],
            DECODING + "The fields `stepz` are not valid for TrainPipelineConfig (exit code 1)",
            1,
        ),
        (
            ["config.num_workers=many"],
            DECODING + "`num_workers`: Couldn't parse 'many' into an int (exit code 1)",
            1,
        ),
        (
            ["command.args=['--foo=1']"],
            "standin_lerobot.py: error: unrecognized arguments: --foo=1 (exit code 2)",
            2,
        ),
        (["+command.env.STANDIN_FAIL='one:exit'"], "INFO Creating dataset (exit code 7)", 7),
        (["+command.env.STANDIN_FAIL='one:kill'"], "the trainer was killed by SIGKILL", 137),
        (
            ["+command.env.STANDIN_FAIL='one:oom'"],
            "MemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
            1,
        ),
        (["command.python=/no/python"], "/no/python cannot be started: ", 127),
    ],
)
@pytest.mark.slow
def test_ways_to_fail_are_told_apart(tmp_path, words, error, exit_code):
    """A refusal, a flag too many, an exit code, a signal, a lack of memory: each reads as what it is."""
    with pytest.raises(TrainerFailedError) as caught:
        run_with(tmp_path, *words)
    assert str(caught.value).startswith(error)
    assert caught.value.exit_code == exit_code


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["config.batch_size=8.5"], "batch_size must be a whole number for this trainer, not 8.5"),
        (["command.script=no.py"], "command.script: there is no file"),
        (["command.start=acelerate"], "'acelerate' is not one of python, accelerate, inline; did you mean"),
        (["command.script=null", "command.module=null"], "nothing to start: give command.script=PATH"),
        (["command.num_processes=0"], "command.num_processes=0 is not a whole number"),
        (["command.args=--foo"], "args='--foo' must be a list of arguments"),
        (["command.resume_from=x", "profile.resume=null"], "does not say how it resumes"),
        (["command.script=${nothing}"], "the config's 'command' cannot be read"),
        (["profile.flag_style=equal"], "did you mean 'equals'"),
    ],
)
def test_settings_that_cannot_work_are_told(tmp_path, words, error):
    """What is wrong is named before anything starts."""
    with composed(tmp_path, *words) as config, pytest.raises(ConfigError) as caught:
        preview(config)
    assert error in str(caught.value)


def test_whole_numbers_that_came_as_floats_are_mended(tmp_path):
    """The users' runs died of batch_size 12.0: the profile knows the whole numbers."""
    base = json.loads(BASELINE.read_text())
    base["ot"]["window_size"] = 20.0
    (tmp_path / "floats.json").write_text(json.dumps(base))
    job_dir = run_with(tmp_path, f"base_config={tmp_path / 'floats.json'}", "batch_size=12.0")
    written = (job_dir / "train_config.json").read_text()
    assert '"window_size": 20,' in written
    assert '"batch_size": 12,' in written


def test_an_output_directory_that_exists_is_never_touched(tmp_path):
    """The same run directory twice: the second run is refused, the first one's files stay."""
    output = run_with(tmp_path) / "output"
    kept = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    with pytest.raises(ConfigError, match="exists already"):
        run_with(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == kept
    assert len(records(tmp_path)) == 1


def test_a_trainer_gets_what_the_user_asks_for(tmp_path, monkeypatch):
    """Environment, working directory, words behind the script, GPUs where no launcher chose them."""
    monkeypatch.setenv("STANDIN_GONE", "1")
    (tmp_path / "elsewhere").mkdir()
    words = [
        "+command.env={STANDIN_MINE: 1, STANDIN_GONE: null}",
        f"command.cwd={tmp_path}/elsewhere",
        "gpus=[6,7]",
    ]
    run_with(tmp_path, *words, "command.args=['--ot.lambda_ot=0.5']")
    (record,) = records(tmp_path)
    assert (record["env"]["STANDIN_MINE"], record["cwd"], record["gpus"]) == (
        "1",
        str(tmp_path / "elsewhere"),
        "6",
    )
    assert "STANDIN_GONE" not in record["env"]
    assert record["argv"][0] == "--ot.lambda_ot=0.5"


def test_offline_is_the_default_whatever_the_file_says(tmp_path):
    """The users' file says online; nobody goes online unless asked on the command line."""
    run_with(tmp_path)
    (record,) = records(tmp_path)
    flags = {"--wandb.mode=offline", "--wandb.enable=true", "--wandb.disable_artifact=true"}
    assert flags <= set(record["argv"])
    assert json.loads(BASELINE.read_text())["wandb"]["mode"] == "online"


def test_python_alone_gets_accelerates_variables(tmp_path):
    """What `accelerate launch` sets for one process is set without it."""
    run_with(tmp_path, "gpus=[]")
    (record,) = records(tmp_path)
    env = record["env"]
    assert (env["ACCELERATE_MIXED_PRECISION"], env["CUDA_VISIBLE_DEVICES"]) == ("no", "")


ARGPARSE = """
import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float)
parser.add_argument("--betas", type=float, nargs=2)
parser.add_argument("--amp", action="store_true")
parser.add_argument("--ema", action="store_true")
parser.add_argument("--output-dir", type=pathlib.Path)
options = parser.parse_args()
options.output_dir.mkdir()
(options.output_dir / "seen.json").write_text(json.dumps({k: str(v) for k, v in vars(options).items()}))
"""
HYDRA = """
import json, pathlib
import hydra
from omegaconf import OmegaConf
from hydra.core.config_store import ConfigStore

defaults = {"optim": {"lr": 0.1, "betas": [0.9, 0.99]}, "name": "x y", "note": 1}
ConfigStore.instance().store(name="app", node=defaults)

@hydra.main(version_base="1.3", config_path=None, config_name="app")
def main(cfg):
    out = pathlib.Path(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir)
    (out / "seen.json").write_text(json.dumps(OmegaConf.to_container(cfg)))

main()
"""
YAML = """
import pathlib, sys, json, yaml
options = dict(word[2:].split("=", 1) for word in sys.argv[1:])
out = pathlib.Path(options["output_dir"])
out.mkdir()
(out / "seen.json").write_text(json.dumps(yaml.safe_load(open(options["config"]))))
"""


@pytest.mark.parametrize(
    ("script", "words", "config", "seen"),
    [
        (
            ARGPARSE,
            ["profile=argparse"],
            {"learning_rate": 1e-4, "betas": [0.9, 0.99], "amp": True, "ema": False},
            {"learning_rate": "0.0001", "betas": "[0.9, 0.99]", "amp": "True", "ema": "False"},
        ),
        (
            HYDRA,
            ["profile=hydra"],
            {"optim": {"lr": 0.5, "betas": [0.8, 0.9]}, "name": "a, 'b'", "note": None},
            {"optim": {"lr": 0.5, "betas": [0.8, 0.9]}, "name": "a, 'b'", "note": None},
        ),
        (
            YAML,
            ["profile.config_form=yaml", "+profile.set={a: {new: true}}"],
            {"a": {"lr": 1e-5, "n": None}, "list": [1, 2.0, "3"]},
            {"a": {"lr": 1e-5, "n": None, "new": True}, "list": [1, 2.0, "3"]},
        ),
    ],
    ids=["argparse", "hydra", "yaml"],
)
def test_any_script_takes_its_config_in_its_own_way(tmp_path, script, words, config, seen):
    """Flags of argparse, overrides of a Hydra app, a YAML file: the values arrive with their types."""
    (tmp_path / "trainer.py").write_text(script)
    (tmp_path / "base.json").write_text(json.dumps(config))
    base = [
        f"base_config={tmp_path / 'base.json'}",
        "task=command",
        f"command.script={tmp_path / 'trainer.py'}",
    ]
    job_dir = tmp_path / "job"
    job_dir.mkdir()
    with composed(job_dir, *base, *words, only=True) as cfg:
        run(cfg)
    found = json.loads((job_dir / "output" / "seen.json").read_text())
    assert {name: found[name] for name in seen} == seen
