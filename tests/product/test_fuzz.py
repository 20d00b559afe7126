"""Nothing that is read can do more harm than an error of ours, in bounded time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.studies import (
    decisions_event,
    job_event,
    round_event,
    study_event,
    trial_event,
    variant_entry,
)
from tests.helpers.studies_app.launch import environment
from tests.helpers.wandb_file import exit_record, frame, row, run, summary
from tests.product import targets

FEW = settings(max_examples=150, deadline=2000, suppress_health_check=list(HealthCheck))

JOURNAL = [
    {**event, "v": 1}
    for event in (
        study_event(),
        round_event(1, variant_entry(0, "baseline"), variant_entry(1, "b")),
        job_event(0),
        trial_event(0),
        job_event(1),
        trial_event(1, "FAILED"),
        decisions_event(1),
        {"event": "requeue", "time": 1.0, "job": 2, "of": 1},
        {"event": "resume", "time": 1.0},
        {"event": "stop", "time": 1.0, "reason": "x", "failed": False},
    )
]
LOG = frame(
    [
        run("abc"),
        *(row(step, {"loss": 1.0 / (step + 1)}) for step in range(50)),
        summary({"loss": 1.0}),
        exit_record(),
    ]
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
words = st.lists(
    st.sampled_from(
        [
            "ot",
            ".",
            "*",
            "features",
            "0",
            "@",
            "set",
            "mul",
            "=",
            "1",
            "e9",
            "-",
            "[",
            "]",
            "{",
            "}",
            ":",
            ",",
            "'",
            '"',
            "\\",
            "${",
            "nan",
            " ",
        ]
    )
    | st.text(max_size=3),
    max_size=14,
).map("".join)


def flipped(data: bytes) -> st.SearchStrategy[bytes]:
    """``data`` with some of its bytes replaced, cut or doubled."""
    spot = st.tuples(st.integers(0, len(data)), st.integers(0, 40), st.binary(max_size=8))

    def apply(spots: list[tuple[int, int, bytes]]) -> bytes:
        changed = bytearray(data)
        for start, length, new in spots:
            changed[start : start + length] = new
        return bytes(changed)

    return st.lists(spot, min_size=1, max_size=4).map(apply)


@st.composite
def journals(draw: st.DrawFn) -> bytes:
    """A journal with some fields left out or replaced by anything JSON can say."""
    events: list[dict[str, Any]] = json.loads(json.dumps(JOURNAL))
    for _ in range(draw(st.integers(1, 3))):
        event: Any = draw(st.sampled_from(events))
        if event.get("variants") and draw(st.booleans()):
            event = draw(st.sampled_from(event["variants"]))
        if not isinstance(event, dict) or not event:
            continue
        key = draw(st.sampled_from(sorted(event)))
        if draw(st.booleans()):
            event[key] = draw(json_values)
        else:
            del event[key]
    events = draw(st.permutations(events)) if draw(st.booleans()) else events
    return "".join(json.dumps(event) + "\n" for event in events).encode()


@FEW
@given(words | st.text(max_size=60))
def test_any_text_is_an_edit_or_an_edit_error(text):
    """Nothing that is typed in place of an edit crashes, and what parses reads back the same."""
    targets.edit(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "text",
    ["a@set=" + "[" * 50_000, "a" * 100_000 + "@set=1", "a@set=" + "9" * 100_000, "*." * 20_000 + "x@set=1"],
)
def test_long_edits_take_no_time(text):
    """Depth and length are bounded: the answer comes at once."""
    targets.edit(text.encode())


@FEW
@given(
    journals()
    | flipped("".join(json.dumps(event) + "\n" for event in JOURNAL).encode())
    | st.binary(max_size=200)
)
def test_any_file_is_a_journal_or_a_journal_error(data):
    """A journal that somebody wrote into is read, or refused with the number of the line."""
    targets.journal(data)


@FEW
@given(flipped(LOG) | st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: LOG[:7] + tail))
def test_any_file_is_a_log_or_has_a_problem(data):
    """A damaged ``.wandb`` file gives what is whole and says what is not."""
    targets.wandb_log(data)


@FEW
@given(
    st.lists(
        json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30), max_size=6
    ).map(b"\n".join)
)
def test_any_lines_are_a_history_or_a_problem(data):
    """The same for the files of old."""
    targets.jsonl(data)


#: Small files that a careless reader takes minutes or gigabytes for.
BOMBS = {
    "deep JSON": b'{"_step": 1, "a": ' + b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "long number": b'{"a": ' + b"9" * 200_000 + b"}",
    "laughing YAML": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        f"{y}: &{y} [{','.join(['*' + x] * 9)}]\n".encode()
        for x, y in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "many keys": b"{" + b",".join(f'"k{n}": {n}'.encode() for n in range(50_000)) + b"}",
    "a length beyond the file": LOG[:7] + b"\0\0\0\0\xff\xff\x02" + b"x" * 100,
    "an endless varint": LOG[:7] + frame([b"\xff" * 20_000])[7:],
    "nothing but zeros": bytes(1 << 20),
}

MEASURE = """
import pathlib, resource, sys
from tests.product import targets
read = targets.TARGETS[sys.argv[1]]
read(b"")
for path in sorted(pathlib.Path(sys.argv[2]).iterdir()):
    before = resource.getrusage(resource.RUSAGE_SELF)
    read(path.read_bytes())
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{path.name}:", after.ru_utime - before.ru_utime, (after.ru_maxrss - before.ru_maxrss) / 1024)
"""


@pytest.mark.parametrize("target", ["wandb_log", "jsonl", "journal"])
def test_hostile_files_cost_bounded_memory_and_time(tmp_path, target):
    """None of these small files takes more than 200 MB or 20 s of CPU."""
    for name, bomb in BOMBS.items():
        (tmp_path / name).write_bytes(bomb)
    command = [sys.executable, "-c", MEASURE, target, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    costs = dict(line.split(": ") for line in done.stdout.splitlines())
    assert set(costs) == set(BOMBS)
    for name, cost in costs.items():
        cpu_s, memory_mb = map(float, cost.split())
        assert cpu_s < 20, name
        assert memory_mb < 200, name


@pytest.mark.slow
@pytest.mark.parametrize("target", targets.TARGETS)
def test_coverage_guided_fuzzing_finds_nothing(tmp_path, target):
    """atheris, where it is installed, drives each reader for a while from good inputs."""
    pytest.importorskip("atheris")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    seeds = {
        "edit": b"ot.features.*.weight@set=[1, {a: 'x'}]",
        "journal": "".join(json.dumps(event) + "\n" for event in JOURNAL).encode(),
        "wandb_log": LOG,
        "jsonl": b'{"_step": 1, "loss": 0.5, "deep": {"a": NaN}}\n',
    }
    (corpus / "seed").write_bytes(seeds[target])
    command = [
        sys.executable,
        str(Path(targets.__file__)),
        target,
        "-runs=20000",
        "-max_total_time=20",
        str(corpus),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
