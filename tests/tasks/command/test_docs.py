"""The pages docs/trainers.md and docs/from_auto_loop.md do what they say: their commands run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.helpers.running import (
    BASELINE,
    ROOT,
    STANDIN,
    assert_no_gpu_is_shared,
    environment,
    records,
    study_of,
)

FILE = re.compile(r"`(?P<name>[\w./]+)`[^`\n]*:\n\n```(?:python|json|yaml)\n(?P<text>.*?)```", re.DOTALL)
COMMAND = re.compile(r"```console\n\$ (?P<line>.*)\n```")


def place(page, top):
    """Write the files that a page shows."""
    for found in FILE.finditer(page):
        path = top / found["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found["text"])


def run(line, top, **extra):
    """Run one command of a page in a shell, with this interpreter's commands first on the path."""
    program = {"autoloop": f"{sys.executable} -m autoloop", "python": sys.executable}
    first, rest = line.split(" ", 1)
    done = subprocess.run(
        f"{program[first]} {rest}",
        shell=True,
        cwd=top,
        env=environment(top, **extra),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_page_on_trainers(tmp_path):
    """The full example runs, with real W&B runs; the profile and the task of one's own work."""
    page = (ROOT / "docs" / "trainers.md").read_text()
    place(page, tmp_path)
    shutil.copy(BASELINE, tmp_path / "act_ot.json")
    shutil.copy(STANDIN, tmp_path / "lerobot_train.py")
    for found in COMMAND.finditer(page):
        run(found["line"], tmp_path)
    study = study_of(tmp_path, "digits")
    assert [len(study.begun_with(number)) for number in study.rounds] == [
        2,
        2,
    ]  # a stopped job's slot: one more
    assert study.best().objective == min(job.objective for job in study.counted() if job.known) < 0.5
    assert json.loads((tmp_path / "once" / "train_config.json").read_text())["steps"] == 20
    (promoted,) = (tmp_path / "digits" / "promoted").iterdir()
    assert json.loads((promoted / "train_config.json").read_text())["steps"] == 80
    seen = json.loads((tmp_path / "mine" / "output" / "seen.json").read_text())
    assert seen == {**json.loads((tmp_path / "digits.json").read_text()), "experiment": "loop", "optimizer": {
        "lr": 0.03, "betas": [0.9, 0.999]}}  # fmt: skip


def test_every_setting_is_on_the_page():
    """Each key of `command`, each profile and each key of a profile is described."""
    page = (ROOT / "docs" / "trainers.md").read_text()
    conf = ROOT / "conf"
    command = re.search(
        r"^command:\n((?:  .*\n)+)", (conf / "task" / "command.yaml").read_text(), re.MULTILINE
    )[1]
    keys = set(re.findall(r"^  (\w+):", command, re.MULTILINE)) - {"resume_from"}  # promote's own
    assert {key for key in keys if f"| `{key}` |" not in page} == set()
    assert {
        path.stem for path in (conf / "profile").glob("*.yaml") if f"| `{path.stem}` |" not in page
    } == set()
    plain = re.findall(r"^(\w+):", (conf / "profile" / "plain.yaml").read_text(), re.MULTILINE)
    assert {key for key in plain if key != "resume" and f"\n{key}:" not in page} == set()


@pytest.mark.slow
def test_the_users_old_quick_start(tmp_path):
    """Three variants generated; four configs, three rounds, four slots, online; reports and the next step."""
    page = (ROOT / "docs" / "from_auto_loop.md").read_text()
    shutil.copy(BASELINE, tmp_path / "baseline.json")
    shutil.copy(STANDIN, tmp_path / "lerobot_train.py")
    (tmp_path / "reports" / "data").mkdir(parents=True)
    said = {}
    for found in COMMAND.finditer(page):
        said[found["line"]] = run(found["line"], tmp_path)
    night = study_of(tmp_path, "outputs/night")
    assert night.rounds == [1, 2, 3]
    assert len(night.of_round(1)) == 4
    assert all(job.plan.parent for number in (2, 3) for job in night.of_round(number))
    online = [record for record in records(tmp_path) if "/night/" in record["argv"][0]]
    assert len(online) == len(night.jobs)
    flags = {"--wandb.mode=online", "--wandb.entity=my-entity", "--wandb.project=my-project"}
    assert all(flags <= set(record["argv"]) for record in online)
    assert {record["gpus"] for record in online} == {"0", "1", "6", "7"}
    assert_no_gpu_is_shared(records(tmp_path), records(tmp_path, "end"))
    text = (tmp_path / "outputs" / "night" / "reports" / "lerobot_act_ot.md").read_text()
    for number in (1, 2, 3):
        (section,) = re.findall(rf"^## Round {number}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        told = [job.name for job in night.of_round(number + 1)] if number < 3 else []
        assert all(f"`{name}`" in section for name in told)  # the next round's list
    assert (tmp_path / "outputs" / "night" / "reports" / "report.html").is_file()
    (promote,) = [text for line, text in said.items() if "promote" in line]
    assert "steps=200000" in promote
    old = json.loads((tmp_path / "reports" / "data" / "offline_summary.json").read_text())
    assert len(old) >= 12
