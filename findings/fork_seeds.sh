#!/usr/bin/env bash
# After a fork, Python's `random` has a new seed and NumPy's global generator has the old one
#
# Versions:  CPython 3.11 (Linux), numpy 2.4.6. Seen on 2026-11-30.
#
# Behaviour: a program seeds both generators at its top level, `random.seed(0)` and `np.random.seed(0)`, and then
#            forks its workers. CPython seeds `random` anew in every child (it registers a hook for forks), so each
#            child draws other numbers, and others again the next time the program runs: the seed is lost without
#            a word. NumPy does nothing, so all children draw the very same numbers. One line of the user's is
#            ignored, the other is obeyed too well.
#
# Seen:      (the first two lines differ from run to run)
#            random.random(), four children:        [0.1385, 0.2574, 0.6117, 0.8185]
#            random.random(), in a second run:      [0.1348, 0.2388, 0.8582, 0.9147]
#            np.random.random(), both runs:         [0.5488]
#            what the seed 0 gives (random, numpy): [0.8444, 0.5488]
#
# Users:     in training jobs or workers forked from a prepared process, augmentations that use `random` cannot be
#            repeated though the program is seeded, and those that use NumPy are the same in all workers. Seed both
#            in the child, from the job's own seed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check numpy==2.4.6

cat > draws.py <<'PY'
import json
import multiprocessing
import random

import numpy as np

random.seed(0)
np.random.seed(0)


def draw(answers) -> None:
    answers.put((random.random(), float(np.random.random())))


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    children = [context.Process(target=draw, args=(answers,)) for _ in range(4)]
    for child in children:
        child.start()
    found = [answers.get() for _ in children]
    for child in children:
        child.join()
    print(json.dumps({"children": found, "seed": [random.Random(0).random(), np.random.RandomState(0).random_sample()]}))
PY
venv/bin/python draws.py > first.json
venv/bin/python draws.py > second.json
venv/bin/python - <<'PY'
import json

first, second = (json.load(open(name)) for name in ("first.json", "second.json"))
python, again = ({draw[0] for draw in run["children"]} for run in (first, second))
numpy = {draw[1] for draw in first["children"] + second["children"]}
print("random.random(), four children:       ", sorted(round(value, 4) for value in python))
print("random.random(), in a second run:     ", sorted(round(value, 4) for value in again))
print("np.random.random(), both runs:        ", sorted(round(value, 4) for value in numpy))
print("what the seed 0 gives (random, numpy):", [round(value, 4) for value in first["seed"]])
assert len(python | again) == 8 and first["seed"][0] not in python | again, "the behaviour has changed"
assert numpy == {first["seed"][1]}, "the behaviour has changed"
PY
