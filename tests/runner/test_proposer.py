"""The outside proposer: what it is told, what it may answer, and that it never ends a study."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from autoloop.errors import ConfigError
from autoloop.runner.proposer import Answer, Proposer, ask, question_of
from tests.helpers.studies import study_of


def answer(program: str, timeout_s: float = 20.0, question: Any = None) -> Answer:
    command = shlex.join([sys.executable, "-c", program])
    return ask(Proposer(command, timeout_s), question or {}, {"baseline": 1, "best": 2}, "best")


@pytest.mark.parametrize(
    "printed",
    [
        '[{"edits": ["lr@mul=2", "b@add=1"], "parent": "best", "reason": "why not"}]',
        '{"edits": ["lr@mul=2", "b@add=1"], "reason": "why not"}',
        '{"edits": ["lr@mul=2", "b@add=1"], "reason": "why not"}\\n{"edits": ["c@set=1"]}',
        "lr@mul=2 b@add=1\\nc@set=1",
    ],
)
def test_it_may_answer_with_json_json_lines_or_lines_of_edits(printed: str) -> None:
    found = answer(f"print({printed!r}.replace(chr(92) + 'n', chr(10)))")
    first = found.proposals[0]
    assert (first.rule, first.trial, first.edits) == ("outside", "best", ("lr@mul=2", "b@add=1"))
    assert not found.problems


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("raise SystemExit('no idea')", "ended with exit code 1: no idea"),
        ("import time; time.sleep(60)", "did not answer within"),
        ("print('lr@mull=2')", "mull"),
        ("print('[3]')", "it is not a proposal"),
        ('print(\'{"edits": ["lr@mul=2"], "parent": "bets"}\')', "did you mean 'best'"),
        ("print('x' * 2000000)", "printed 2000001 characters"),
        ("while True: print('x' * 1000000)", "it printed too much"),
        ("print('[' * 100000 + ']' * 100000)", "nested too deep"),
        ('print(\'{"edits": [\' + "[" * 400 + "1" + "]" * 400 + "]}")', "the op is missing"),
        ("print('{\"edits\": [\"' + 'a' * 5000 + '@mul=2\"]}')", "one of over 2000 characters"),
    ],
)
def test_what_cannot_be_used_is_recorded_with_its_reason(program: str, why: str) -> None:
    found = answer(program, timeout_s=1.0 if "sleep" in program else 20.0)
    assert found.proposals == ()
    assert why in found.problems[0].why


def test_a_program_that_does_not_exist_is_recorded() -> None:
    found = ask(Proposer("/no/such/program"), {}, {}, "baseline")
    assert "cannot be run" in found.problems[0].why


def test_good_proposals_survive_bad_ones_beside_them() -> None:
    found = answer("print('lr@mul=2'); print('nonsense')")
    assert (len(found.proposals), len(found.problems)) == (1, 1)


def test_what_the_program_started_ends_with_it(tmp_path: Path) -> None:
    child = f"import time, pathlib; time.sleep(1.5); pathlib.Path({str(tmp_path / 'late')!r}).touch()"
    program = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(30)"
    )
    answer(program, timeout_s=0.8)
    time.sleep(1.5)
    assert not (tmp_path / "late").exists()


def test_a_daemon_that_keeps_its_output_open_is_not_waited_for() -> None:
    daemon = "import os, time\nif os.fork() == 0:\n os.setsid(); time.sleep(8); os._exit(0)\nprint('a@mul=2')"
    assert answer(daemon, timeout_s=5.0).proposals


def test_it_is_told_the_whole_study() -> None:
    study = study_of(
        {"name": "baseline", "objective": 1.0},
        {"name": "a", "parent": "baseline", "rule": "x", "edits": ["lr@mul=2"], "objective": 0.8, "round": 2},
    )
    question = question_of(study, 3, 4, {"lr": 0.1}, {"lr": (0.0, 1.0)})
    told = "round(q['trials'][1]['gain_pct'])"
    program = f"import json, sys; q = json.load(sys.stdin); print('lr@set=' + str({told}))"
    assert answer(program, question=question).proposals[0].edits[0] == "lr@set=20"
    assert question["trials"][1]["verdict"] == "better"
    assert question["places"] == 4


@pytest.mark.parametrize(
    "config", [{}, {"command": 3}, {"command": "x", "timeout": 3}, {"command": "x", "timeout_s": 0}]
)
def test_settings_that_cannot_be_used_are_told(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"strategy.proposer"):
        Proposer.read(config)
