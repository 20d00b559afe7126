"""Every mistake of a user's ends with one clear message and exit code 2, before anything is launched."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from pathlib import Path

import pytest

from autoloop import train
from autoloop.store.journal import Journal
from tests.helpers.places import GOLDEN, HELPERS
from tests.helpers.studies import event_of
from tests.helpers.studies_app import app
from tests.helpers.studies_app.launch import FOUR_JOBS

MESSAGES = GOLDEN / "messages.txt"
APP = HELPERS / "studies_app" / "app.py"

TRAIN = {
    "unknown op": ["ot.lambda_ot@mull=2"],
    "unknown path": ["ot.lamda_ot@mul=2"],
    "unknown path of the baseline, without -m": ["--one", "ot.lamda_ot@mul=2"],
    "arithmetic on a text": ["policy.device@mul=2"],
    "an edit that changes nothing": ["ot.lambda_ot@set=0.1"],
    "a variant that changes nothing": ["variants=none", "+variants={a:{ot.lambda_ot@set:0.1}}"],
    "a variant that equals another": [
        "variants=none",
        "+variants={a:{ot.lambda_ot@set:0.2},b:{ot.lambda_ot@mul:2}}",
    ],
    "a variant with an unknown path": ["variants=none", "+variants={a:{ot.lambda@set:0.2}}"],
    "a variant with a misspelt key": ["variants=none", "+variants={a:{resaon:x,ot.lambda_ot@set:0.2}}"],
    "a variant that is a number": ["variants=none", "+variants={a:5}"],
    "unknown metric in a rule": ["rules.plateau.metric=train/l1_los"],
    "unknown metric as objective": ["metrics.objective=eval/offline_eval/avgl1"],
    "unknown metric in until": ["+until.enough={metric:train/losss,below:1}"],
    "unknown rule": ["rules.gentel=null"],
    "a rule that is not there, switched off": ["+rules.plateu=null"],
    "the same below hydra.sweeper": ["hydra.sweeper.rules.plateu=null"],
    "settings for a rule that is not there": ["+hydra.sweeper.rules.plateu.min_points=5"],
    "a stop rule that is not there, switched off": ["+hydra.sweeper.stop_rules.behind=null"],
    "a bound that is not there, taken out": ["+bounds.ot.lambda=null"],
    "several values, without -m": ["--one", "seed=1,2"],
    "an edit with several values, without -m": ["--one", "ot.lambda_ot@mul=1,2"],
    "a plan, without -m": ["--one", "dry_run=true"],
    "several numbers of rounds": ["rounds=2,3"],
    "unknown class of a rule": ["rules.gentle._target_=autoloop.rules.Fallbak"],
    "a class that is no rule": ["rules.gentle._target_=subprocess.Popen"],
    "unknown module of a rule": ["rules.gentle._target_=my_rules.Gentle"],
    "unknown setting of a rule": ["+rules.grad_norm.abov=3"],
    "a setting of the wrong type": ["rules.grad_norm.above=high"],
    "a rule with an edit that cannot be read": ["rules.gentle.edits=['ot.reg@mull=2']"],
    "a band the wrong way round": ["rules.sharpen_plan.below=0.01"],
    "unknown file of rules": ["rules=act_to"],
    "unknown task": ["task=act_ott"],
    "unknown group": ["taks=act_ot"],
    "unknown variants": ["variants=act"],
    "unknown strategy": ["strategy=rule"],
    "unknown key of the strategy": ["+strategy.parent=2"],
    "unknown key": ["stepps=5"],
    "unknown key of the sweeper": ["hydra.sweeper.rouns=3"],
    "unknown key of the metrics": ["+metrics.objectve=x"],
    "unknown statistic": ["metrics.stat=lst"],
    "unknown goal": ["+metrics.goals.x=lowest"],
    "unknown launcher": ["hydra/launcher=slot"],
    "bounds the wrong way round": ["+bounds.seed=[1,0]"],
    "bounds with one end": ["+bounds.seed=[1]"],
    "until that cannot be": ["+until.enough={metric:train/loss,at_least:2,at_most:1}"],
    "no rounds": ["rounds=0"],
    "rounds in words": ["rounds=three"],
    "no jobs": ["max_jobs=0"],
    "no hours": ["max_hours=-1"],
    "a switch in words": ["fail_fast=maybe"],
    "an unknown way to resume": ["resume=froce"],
    "no slots": ["n_jobs=0"],
    "a GPU that is not there": ["gpus=[0,1,6,7]"],
    "a GPU named twice": ["gpus=[0,0]"],
    "GPUs that are no list": ["gpus=2"],
    "GPUs without brackets": ["gpus=0,1"],
    "a setting of another launcher": ["hydra.launcher.partion=gpu"],
    "unknown key of a profile": ["task=command", "+profile.flgas=[]"],
    "unknown key of the command": ["task=command", "+command.scirpt=train.py"],
    "more jobs than slots": ["gpus=[0,1]", "n_jobs=4"],
    "more GPUs for a job than there are": ["gpus=[0,1]", "gpus_per_job=3"],
    "a time limit in words": ["hydra.launcher.timeout_min=soon"],
    "a space for a key that is not there": ["sed=interval(1,2)"],
    "a value that Hydra cannot read": ["steps=[1"],
    "online without a key": ["wandb.mode=online"],
    "a base config that does not parse": ["task=command", "base_config=broken.json"],
    "a base config that is not there": ["task=command", "base_config=brokn.json"],
    "a base config with a key twice": ["task=command", "base_config=twice.json"],
    "YAML that does not parse": ["task=command", "base_config=broken.yaml"],
    "a directory that cannot be written": ["hydra.sweep.dir=a_file/study"],
    "a study that is there already": ["hydra.sweep.dir=taken", "resume=false"],
    "a study that is being run": ["hydra.sweep.dir=held"],
    "a journal that is damaged": ["hydra.sweep.dir=damaged"],
}

ANY_APP = {
    "an edit of a variant with an unknown path": ["hydra.sweeper.variants={a:{z@mul:2}}"],
    "an override by an edit of the wrong type": [FOUR_JOBS, "x=many"],
    "a rule of an app that is not there": ["+hydra.sweeper.rules.plateu=null"],
    "a file of rules that is not there": ["autoloop.rules=genral"],
    "rules that are a number": ["autoloop.rules=5"],
}

CASES = {**TRAIN, **ANY_APP}

#: Parts of messages that differ from machine to machine.
PLACES = [
    (re.compile(re.escape(str(Path.cwd()))), "<here>"),
    (re.compile(r"process \d+ on \S+;"), "process <pid> on <host>;"),
]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A directory with what the mistakes are about, two GPUs and no key for W&B."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("WANDB", "CUDA"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    Path("a_file").write_text("")
    Path("broken.json").write_text('{"steps": 5,\n "lr": 1e-3,,\n "x": 2}\n')
    Path("twice.json").write_text('{"lr": 1, "lr": 2}')
    Path("broken.yaml").write_text("lr: 1\n  steps: 5\n")
    for name in ("taken", "damaged", "held"):
        with Journal(Path(name)) as journal:
            journal.append(event_of("study", config={}, settings={}))
    with Path("damaged/study.jsonl").open("a") as file:
        file.write("{]\n")
    return tmp_path


def provoke(case: str, words: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """Make the mistake and return the message."""
    before = set(Path.cwd().rglob("*"))
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        if case in TRAIN:
            train.main(words[1:] if words[0] == "--one" else ["-m", *words])
        else:
            sys.argv = [str(APP), "-m", *words]
            app.main()
    output, message = capfd.readouterr()
    assert stopped.value.code == 2, (case, message)
    assert output == "", case
    assert "Traceback" not in message
    assert "HYDRA_FULL_ERROR" not in message
    assert not [path for path in set(Path.cwd().rglob("*")) - before if path.name in ("0", "job.log")], case
    return message


def refuse_to_run(*_):
    """Stand in for the launch, which none of these may reach."""
    raise AssertionError("a mistake was not noticed")


#: A third of them is in the default run, all are in CI's.
SHARED = [pytest.param(case, marks=pytest.mark.slow if place % 3 else ()) for place, case in enumerate(CASES)]


@pytest.mark.filterwarnings("ignore:.*version_base")
@pytest.mark.parametrize("case", SHARED)
def test_the_message_is_pinned(case, workplace, capfd, monkeypatch):
    """It names what was read, what is wrong and what to do; AUTOLOOP_GOLDEN=write renews it."""
    monkeypatch.setattr(sys, "argv", ["train"])
    monkeypatch.setattr("autoloop.runner.dispatch.Dispatcher.run", refuse_to_run)
    monkeypatch.setattr("autoloop.runner.progress.EVERY_S", float("inf"))  # a busy machine plans for seconds
    with Journal(workplace / "held"):
        message = provoke(case, CASES[case], capfd).replace(str(workplace), "<work>")
    for pattern, place in PLACES:
        message = pattern.sub(place, message)
    shown = " ".join(word for word in CASES[case] if word != "--one")
    told = f"$ {shown}\n{message}"
    if os.environ.get("AUTOLOOP_GOLDEN") == "write":
        renew(case, told)
    assert told == pinned()[case]


def test_every_pinned_message_has_its_case():
    assert list(pinned()) == list(CASES)


def pinned() -> dict[str, str]:
    """Case -> its command and its message."""
    parts = re.split(r"^== (.*)\n", MESSAGES.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {case: told.removesuffix("\n") for case, told in zip(parts[::2], parts[1::2], strict=True)}


def renew(case: str, told: str) -> None:
    """Put a message into the file, in which other processes may be writing theirs."""
    with MESSAGES.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = {**pinned(), case: told}
        text = "".join(f"== {one}\n{known[one]}\n" for one in CASES if one in known)
        file.truncate(file.write(text))
