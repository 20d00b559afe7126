#!/usr/bin/env bash
# W&B reads WANDB_DIR once in a process: a later run goes into the first run's directory
#
# Versions:  wandb 0.31.0, offline, CPython 3.11 (Linux). Seen on 2026-11-30.
#
# Behaviour: a process makes two runs, one after the other, and gives each a directory of its own in WANDB_DIR. The
#            first is finished before the second starts. Both land in the first directory: the settings that
#            wandb.init() starts from were read from the environment at the first call and are kept. After
#            wandb.teardown() the environment is read anew. `wandb.init(dir=...)` is heeded at every call.
#
# Seen:      the second run, WANDB_DIR changed:          first
#            after wandb.teardown():                     third
#            WANDB_DIR changed again, and init(dir=..):  fifth
#
# Users:     a sweep whose jobs share a process (Hydra's basic launcher, joblib's, a Ray worker that is used
#            again) collects all its histories in the directory of the first job, and each later job looks as if it
#            had logged nothing.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check wandb==0.31.0

cat > two_runs.py <<'PY'
import os
from pathlib import Path

import wandb

PLACES = [Path(name).resolve() for name in ("first", "second", "third", "fourth", "fifth")]


def log_one(**settings: str) -> str:
    """Log a run and say in which of the directories it is."""
    before = {place: set(place.rglob("run-*.wandb")) for place in PLACES}
    with wandb.init(project="p", **settings) as run:
        run.log({"loss": 1.0})
    (where,) = [place.name for place in PLACES if set(place.rglob("run-*.wandb")) - before[place]]
    return where


def set_dir(name: str) -> None:
    os.environ["WANDB_DIR"] = str(Path(name).resolve())


for place in PLACES:
    place.mkdir()
set_dir("first")
assert log_one() == "first"
set_dir("second")
second = log_one()
wandb.teardown()
set_dir("third")
third = log_one()
set_dir("fourth")
given = log_one(dir=str(PLACES[4]))
print(f"the second run, WANDB_DIR changed:          {second}")
print(f"after wandb.teardown():                     {third}")
print(f"WANDB_DIR changed again, and init(dir=..):  {given}")
assert (second, third, given) == ("first", "third", "fifth"), "the behaviour has changed"
PY
unset "${!WANDB_@}"
HOME="$place" WANDB_MODE=offline WANDB_SILENT=true WANDB_ERROR_REPORTING=false venv/bin/python two_runs.py
