#!/usr/bin/env bash
# An offline W&B run is not on disk yet when finish() returns
#
# Versions:  wandb 0.31.0, offline, CPython 3.11 (Linux). Seen on 2026-11-30.
#
# Behaviour: run.finish() may return before W&B's service has written the end of the run's .wandb file, on a busy
#            machine in about every second run: of a short run the file holds no row at all then. A program that reads
#            the file at that moment, or starts `wandb sync` on it, has no or not all rows. The file is whole when
#            wandb.teardown() returns, which ends the service, as the end of the program does: nothing is lost.
#
# Seen:      (load average 17 to 25 on two cores)
#            five runs of 100 rows      three had 0 rows on disk after finish(), all had 100 after teardown()
#            five runs of 2,000 rows    two had 524,288 of 541,000 bytes after finish()
#            The program below makes up to 40 short runs and ends with the first that shows it.
#
# Users:     a sweep or a notebook that reads the curves of a run that it has just finished, in the same process, takes
#            the run for an empty one, now and then. Call wandb.teardown() first, or read once the process has ended.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check wandb==0.31.0

cat > job.py <<'PY'
import pathlib

import wandb

for _ in range(40):
    run = wandb.init(mode="offline", project="p", dir=".")
    for step in range(100):
        run.log({"loss": float(step)})
    run.finish()
    (path,) = pathlib.Path(run.settings.sync_dir).glob("run-*.wandb")
    early = path.stat().st_size
    wandb.teardown()
    print(f"bytes on disk: {early} after finish(), {path.stat().st_size} after teardown()", flush=True)
    if early < path.stat().st_size:
        break
else:
    raise SystemExit("finish() waited every time")
PY

unset "${!WANDB_@}"
export HOME="$place" WANDB_SILENT=true WANDB_ERROR_REPORTING=false
venv/bin/python job.py
