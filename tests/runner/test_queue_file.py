"""The queue: what waits in it, what was changed after it ran, and files that no study should trip over."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from autoloop.errors import AutoloopError
from autoloop.runner.queue_file import FILE_NAME, read_queue
from autoloop.strategies.base import ASKED_FOR
from autoloop.study.plans import Plan
from autoloop.study.record import Job, Study


def ran(edits: tuple[str, ...], notes: tuple[str, ...] = ()) -> Study:
    """A study in which the queue's variant ``mine`` has run."""
    plan = Plan("mine", "baseline", ASKED_FOR, "", {"name": "mine"}, "", edits, (), "", (), notes)
    return replace(Study(), jobs={3: Job(3, 2, plan)})


def test_edits_changed_after_they_ran_are_told(tmp_path: Path):
    """They do not run under that name; the same edits, or those that could be used of them, are no change."""
    (tmp_path / FILE_NAME).write_text("mine: [x@mul=2, y@set=1]\nother: x@mul=3\n")
    changed = read_queue(tmp_path, ran(("x@mul=4",)), "baseline")
    assert [one.edits for one in changed.waiting] == [("x@mul=3",)]
    (told,) = changed.changed
    assert (told.rule, told.edits) == (ASKED_FOR, ("x@mul=2", "y@set=1"))
    assert "'mine' of queue.yaml has run with other edits" in told.why
    assert read_queue(tmp_path, ran(("x@mul=2", "y@set=1")), "baseline").changed == []
    assert read_queue(tmp_path, ran(("x@mul=2",), ("y left out",)), "baseline").changed == []


def test_aliases_are_read(tmp_path: Path):
    """As YAML means them, merged or whole."""
    (tmp_path / FILE_NAME).write_text("a: &a {x@mul: 2}\nb: *a\nc: {<<: *a, y@set: 1}\n")
    waiting = read_queue(tmp_path, Study(), "baseline").waiting
    assert [one.edits for one in waiting] == [("x@mul=2",), ("x@mul=2",), ("x@mul=2", "y@set=1")]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\n"
        "d: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]",
        "[" * 2000,
        "a: 2026-13-45",
        "!!python/object:os.system x",
        "\0",
        "a: !!binary aGVsbG8=",
        "? [a, b]\n: x@mul=2",
    ],
)
def test_a_queue_that_cannot_be_used_is_one_error(tmp_path: Path, text: str):
    """Aliases in a circle or in heaps, depths, dates, objects: said, in no time, never a crash."""
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(AutoloopError):
        read_queue(tmp_path, Study(), "baseline")


def test_a_pipe_in_its_place_is_passed_over(tmp_path: Path):
    """Nobody waits for a writer."""
    os.mkfifo(tmp_path / FILE_NAME)
    assert read_queue(tmp_path, Study(), "baseline").waiting == []
