#!/usr/bin/env bash
# submitit's local executor replaces CUDA_VISIBLE_DEVICES instead of dividing it
#
# Versions:  submitit 1.5.4, CPython 3.11 (Linux). Seen on 2026-11-30.
#
# Behaviour: somebody who may use GPUs 2 and 3 of a shared machine sets CUDA_VISIBLE_DEVICES=2,3 and submits jobs
#            to submitit's LocalExecutor. The executor counts from 0 in every job: one that asks for one GPU sees
#            device 0 of the machine, one that asks for two sees 0 and 1, one that asks for none sees no device.
#            What was set outside is neither respected nor divided, and each of two jobs gets the same device.
#            `visible_gpus=[2, 3]` moves the numbers, but again every job gets the first of them.
#
# Seen:      outside:                        '2,3'
#            gpus_per_node=1, first job:     '0'
#            gpus_per_node=1, second job:    '0'
#            gpus_per_node=2:                '0,1'
#            no GPU asked for:               ''
#            visible_gpus=[2, 3], two jobs:  '2' '2'
#
# Users:     jobs of a sweep (hydra/launcher=submitit_local among others) land on a GPU that belongs to somebody
#            else, all of them on one. Whoever starts several at a time has to set the variable inside the job,
#            before the framework is imported.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check submitit==1.5.4 cloudpickle==3.1.2 typing_extensions==4.15.0

cat > seen.py <<'PY'
import os

import submitit


def seen() -> str:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "not set")


def ask(jobs: int, **wanted: object) -> list[str]:
    executor = submitit.LocalExecutor("log")
    executor.update_parameters(timeout_min=2, **wanted)
    return [job.result() for job in [executor.submit(seen) for _ in range(jobs)]]


if __name__ == "__main__":
    one, two, none = ask(2, gpus_per_node=1), ask(1, gpus_per_node=2), ask(1)
    moved = ask(2, gpus_per_node=1, visible_gpus=[2, 3])
    print(f"outside:                        {seen()!r}")
    print(f"gpus_per_node=1, first job:     {one[0]!r}")
    print(f"gpus_per_node=1, second job:    {one[1]!r}")
    print(f"gpus_per_node=2:                {two[0]!r}")
    print(f"no GPU asked for:               {none[0]!r}")
    print(f"visible_gpus=[2, 3], two jobs:  {moved[0]!r} {moved[1]!r}")
    assert (one, two, none, moved) == (["0", "0"], ["0,1"], [""], ["2", "2"]), "the behaviour has changed"
PY
CUDA_VISIBLE_DEVICES=2,3 venv/bin/python seen.py
