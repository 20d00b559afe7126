#!/usr/bin/env bash
# W&B's record of a run's exit code is not that of the process
#
# Versions:  wandb 0.31.0, offline, CPython 3.11 (Linux). Seen on 2026-11-30.
#
# Behaviour: a run that the program does not finish itself gets an exit record when the interpreter ends. Its code is
#            the argument of the last sys.exit() that was called, caught or not. So `raise SystemExit(3)`, which
#            never calls it, is recorded as 0, and a program that catches sys.exit(3) and ends well as 3. An uncaught
#            exception is recorded as 1, as it is.
#
# Seen:      the program ends by     the process   the record
#            reaching its end        0             0
#            sys.exit(3)             3             3
#            raise SystemExit(3)     3             0
#            sys.exit(3), caught     0             3
#            raise ValueError        1             1
#
# Users:     a run whose command line tool ended with `raise SystemExit(main())`, a common last line, shows as
#            finished though it failed, and one in which a library called sys.exit() behind a try shows as failed.
#            Take the state of a run from its process.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check wandb==0.31.0

cat > exit_of.py <<'PY'
"""Prints the exit code that a .wandb file records.

The file is 7 bytes of header, then blocks of 32 KiB. A chunk in them is 4 bytes of checksum, 2 of length, 1 of kind
(1 whole, 2 first, 3 middle, 4 last) and its data; the data of a record's chunks is one protobuf message.
"""
import sys
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, HEAD = 32768, 7


def records(data):
    place, whole = HEAD, b""
    while place + HEAD <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEAD:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        whole += data[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if kind in (1, 4):
            yield Record.FromString(whole)
            whole = b""


(file,) = Path(sys.argv[1]).glob("wandb/offline-run-*/run-*.wandb")
(code,) = [one.exit.exit_code for one in records(file.read_bytes()) if one.WhichOneof("record_type") == "exit"]
print(code)
PY
cat > job.py <<'PY'
import sys
from contextlib import suppress

import wandb

wandb.init(project="p").log({"loss": 1.0})
match sys.argv[1]:
    case "sys.exit(3)":
        sys.exit(3)
    case "raise SystemExit(3)":
        raise SystemExit(3)
    case "sys.exit(3), caught":
        with suppress(SystemExit):
            sys.exit(3)
    case "raise ValueError":
        raise ValueError
PY

# HOW PROCESS RECORD: ends a program in this way and compares both codes.
check() {
    local code=0 recorded
    mkdir run
    WANDB_DIR="$place/run" venv/bin/python job.py "$1" > said.txt 2>&1 || code=$?
    recorded=$(venv/bin/python exit_of.py run)
    rm -r run
    printf '%-22s  the process %s, the record %s\n' "$1" "$code" "$recorded"
    test "$code $recorded" = "$2 $3"
}

unset "${!WANDB_@}"
export HOME="$place" WANDB_MODE=offline WANDB_SILENT=true WANDB_ERROR_REPORTING=false
check "reaching its end" 0 0
check "sys.exit(3)" 3 3
check "raise SystemExit(3)" 3 0
check "sys.exit(3), caught" 0 3
check "raise ValueError" 1 1
