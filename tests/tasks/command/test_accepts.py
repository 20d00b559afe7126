"""A setting goes by the name that the installed version of a trainer accepts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from autoloop.tasks.command.accepts import renamed, renames
from tests.helpers import warm
from tests.helpers.running import environment

TRAINER = """
import argparse, json, pathlib, sys, time
known = ["config_path", "steps", "log_freq", EVAL, "output_dir", "job_name", "save_checkpoint"]
known += ["policy.device", "wandb.mode", "wandb.enable", "wandb.disable_artifact", "wandb.entity"]
known += ["wandb.project"]
parser = argparse.ArgumentParser(allow_abbrev=False)
for name in known:
    parser.add_argument(f"--{name}", metavar="int" if name.endswith("freq") else "str")
if "--help" in sys.argv:
    pathlib.Path("asked").open("a").write("x")
    time.sleep(1.0)  # the jobs that start now find no answer yet
given = parser.parse_args()
config = json.loads(pathlib.Path(given.config_path).read_text())
assert EVAL in config and set(config) <= {"steps", EVAL}, config
pathlib.Path(given.output_dir).mkdir()
(pathlib.Path(given.output_dir) / "seen.json").write_text(json.dumps([config, getattr(given, EVAL)]))
"""


@pytest.mark.parametrize(
    ("name", "written"), [("eval_freq", "env_eval_freq"), ("env_eval_freq", "eval_freq")]
)
@pytest.mark.slow
def test_the_same_task_trains_both_versions_of_lerobot(name, written, tmp_path: Path):
    """In the config file and as a flag, whichever name the user's config has.

    Jobs that start at the same moment ask the trainer once between them.
    """
    (tmp_path / "script.py").write_text(f"EVAL = {name!r}\n{TRAINER}")
    (tmp_path / "base.json").write_text(json.dumps({"steps": 1, written: 7}))
    words = [
        "task=lerobot",
        "stop_rules=none",
        "command.script=script.py",
        "command.start=python",
        "base_config=base.json",
    ]
    words += ["rounds=1", "gpus=[]", "n_jobs=3", "hydra.sweep.dir=study", "steps=1,2,3"]
    done = warm.run(
        [sys.executable, "-m", "autoloop.train", "-m", *words], cwd=tmp_path, env=environment(tmp_path)
    )
    seen = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("study/*/output/seen.json"))]
    assert [config[name] for config, _ in seen] == [7, 7, 7], done.stdout + done.stderr
    assert (tmp_path / "asked").read_text() == "xx", "once for the plan, once for all jobs"


def test_names_are_chosen_by_what_is_accepted():
    group = ("env_eval_freq", "eval_freq")
    assert renames(group, {"eval_freq", "steps"}) == {"env_eval_freq": "eval_freq"}
    assert renames(group, {"env_eval_freq"}) == {"eval_freq": "env_eval_freq"}
    assert renames(group, set()) == {}, "a trainer that cannot be asked gets what was written"
    assert renamed({"a": 1, "c": 2}, {"a": "b"}) == {"b": 1, "c": 2}
    assert renamed({"a": 1, "b": 2}, {"a": "b"}) == {"b": 2}
