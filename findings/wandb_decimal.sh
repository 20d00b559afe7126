#!/usr/bin/env bash
# W&B keeps a number that was logged as a Decimal as a text
#
# Versions:  wandb 0.31.0, CPython 3.11. Seen on 2026-11-30.
#
# Behaviour: `run.log` takes a float, a numpy scalar, a Fraction and a Decimal without a word. In the run's file the
#            first two are JSON numbers. Decimal and Fraction are JSON strings, in the history as in the summary.
#
# Seen:      logged as   in the history
#            float       2.5
#            float64     2.5
#            Decimal     "2.5"
#            Fraction    "5/2"
#
# Users:     Such a metric has no curve: whatever reads numbers passes it over. Values that come from exact arithmetic
#            (costs, prices, metrics of a library that rounds by Decimal) want a float() before they are logged.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check wandb==0.31.0 numpy==2.2.6

cat > log.py <<'PY'
from decimal import Decimal
from fractions import Fraction

import numpy
import wandb

with wandb.init(mode="offline", dir=".") as run:
    run.log({"float": 2.5, "float64": numpy.float64(2.5), "Decimal": Decimal("2.5"), "Fraction": Fraction(5, 2)})
PY
cat > read.py <<'PY'
"""Prints the values of a .wandb file's history.

The file is 7 bytes of header, then chunks: 4 bytes of checksum, 2 of length, 1 of kind, and the data. A file this small
has one chunk for each record.
"""
import pathlib

from wandb.proto.wandb_internal_pb2 import Record

(path,) = pathlib.Path("wandb").glob("offline-run-*/*.wandb")
data, place, found = path.read_bytes(), 7, {}
while place + 7 <= len(data):
    size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
    record, place = data[place + 7 : place + 7 + size], place + 7 + size
    if kind == 1 and Record.FromString(record).WhichOneof("record_type") == "history":
        items = Record.FromString(record).history.item
        found = {item.key or ".".join(item.nested_key): item.value_json for item in items}
for name in ("float", "float64", "Decimal", "Fraction"):
    print(f"{name:<12}{found[name]}")
PY
venv/bin/python log.py > log.txt 2>&1
venv/bin/python read.py | tee read.txt
diff read.txt - <<'TXT'
float       2.5
float64     2.5
Decimal     "2.5"
Fraction    "5/2"
TXT
