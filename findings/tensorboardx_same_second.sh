#!/usr/bin/env bash
# Two tensorboardX writers that open one directory in the same second write over each other
#
# Versions:  tensorboardX 2.6.5, tensorboard 2.21.0 (reads the file, and its own writer for comparison), CPython 3.11
#            (Linux). Seen on 2026-11-30.
#
# Behaviour: a SummaryWriter names its file by the second and the host, and opens it for writing, not appending. A
#            second writer of that directory, host and second empties the file of the first. If the first is closed,
#            its points are gone. If both are open, each writes at a place of its own in the one file, and what can be
#            read ends where they collide. Nothing is raised or warned of. TensorBoard's own writer, which PyTorch's
#            SummaryWriter uses, adds the process id and a counter to the name, and keeps both.
#
# Seen:      100 points of "first", then 100 of "second", in a directory:
#                                       files   first   second
#            tensorboardX, in turn      1       0       100
#            tensorboardX, side by side 1       fewer than 200 of both together
#            TensorBoard's, in turn     2       100     100
#
# Users:     the ranks of one host, each with a SummaryWriter, start in one second; so do the tries of a short job
#            that is run again at once in its directory. Half of the curves is missing. Give each writer a
#            filename_suffix of its own.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check tensorboardX==2.6.5 tensorboard==2.21.0

cat > write.py <<'PY'
"""Prints how many files two writers left, and how many points of each TensorBoard finds in them."""
import sys
import tempfile
import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboardX import SummaryWriter

library, order = sys.argv[1:]
folder = tempfile.mkdtemp(dir=".")


class TensorBoards:
    """The same calls for TensorBoard's own writer."""

    def __init__(self, logdir):
        self.writer = EventFileWriter(logdir)
        self.close = self.writer.close

    def add_scalar(self, tag, value, step):
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        self.writer.add_event(Event(step=step, wall_time=time.time(), summary=summary))


make = SummaryWriter if library == "tensorboardX" else TensorBoards


def log(writer, tag):
    for step in range(100):
        writer.add_scalar(tag, step, step)


while time.time() % 1 > 0.1:  # a second has just begun
    time.sleep(0.01)
if order == "turn":
    for tag in ("first", "second"):
        writer = make(folder)
        log(writer, tag)
        writer.close()
else:
    writers = [make(folder) for _ in range(2)]
    for writer, tag in zip(writers, ("first", "second")):
        log(writer, tag)
    for writer in writers:
        writer.close()

found = EventAccumulator(folder)
found.Reload()
tags = found.Tags()["scalars"]
points = [len(found.Scalars(tag)) if tag in tags else 0 for tag in ("first", "second")]
print(len(list(Path(folder).iterdir())), *points)
PY

run() { venv/bin/python write.py "$@" 2> said.txt; }
turn=$(run tensorboardX turn)
side=$(run tensorboardX side)
other=$(run tensorboard turn)
printf 'files and points of first and second\n%-28s%s\n%-28s%s\n%-28s%s\n' \
    "tensorboardX, in turn" "$turn" "tensorboardX, side by side" "$side" "TensorBoard's, in turn" "$other"
test "$turn" = "1 0 100"
test "$other" = "2 100 100"
read -r files first second <<< "$side"
test "$files" = 1
test $((first + second)) -lt 200
