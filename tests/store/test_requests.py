"""Requests: files that users leave for the process that runs a study."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from autoloop.errors import JournalError
from autoloop.store.requests import FOLDER, MOST_AT_ONCE, MOST_BYTES, answer, answer_to, leave, pending
from autoloop.study.events import UserControl

STOP = UserControl(action="stop", by="", name="3")


def test_a_request_is_found_as_it_was_left_and_its_answer_read(tmp_path: Path):
    """Signed with the owner of its file, at the machine that it names."""
    path = leave(tmp_path, STOP)
    (request,) = pending(tmp_path)
    assert request.control is not None
    assert (request.control.action, request.control.name, request.control.asked_as) == (
        "stop",
        "3",
        path.stem,
    )
    assert "@" in request.control.by
    assert (request.path, request.problem) == (path, "")
    assert answer_to(path, 0) is None
    answer(request, replace(request.control, taken=True, outcome="done"))
    assert answer_to(path, 0) == (True, "done")
    assert pending(tmp_path) == []


def test_many_writers_at_once_lose_nothing(tmp_path: Path):
    def say() -> None:
        for number in range(20):
            leave(tmp_path, replace(STOP, name=str(number)))

    writers = [threading.Thread(target=say) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    names = [request.control.name for request in pending(tmp_path) if request.control]
    assert sorted(names) == sorted([str(number) for number in range(20)] * 4)


def test_who_signs_for_another_is_found_out(tmp_path: Path):
    path = leave(tmp_path, STOP)
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "by": "root_of_all@box", "asked_as": "another"}))
    (request,) = pending(tmp_path)
    assert request.control is not None
    assert request.control.by.endswith("@box")
    assert not request.control.by.startswith("root_of_all")
    assert request.control.asked_as == path.stem


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_of_another_user_only_where_the_directory_lets_others_write(tmp_path: Path):
    path = leave(tmp_path, STOP)
    os.chown(path, 4321, 4321)
    (request,) = pending(tmp_path)
    assert "belongs to another user" in request.problem
    tmp_path.chmod(0o775)
    assert pending(tmp_path)[0].problem == ""


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"action": 3, "by": ""}', '{"action": "stop"', "x" * (MOST_BYTES + 1), "[" * 9000],
)
def test_what_cannot_be_read_is_a_problem(tmp_path: Path, content: str):
    path = leave(tmp_path, STOP)
    path.write_text(content)
    (request,) = pending(tmp_path)
    assert request.control is None
    assert request.problem


def test_links_pipes_and_drafts_are_left_alone(tmp_path: Path):
    leave(tmp_path, STOP).rename(tmp_path / "elsewhere.json")
    (tmp_path / FOLDER / "1.json").symlink_to(tmp_path / "elsewhere.json")
    os.mkfifo(tmp_path / FOLDER / "2.json")
    (tmp_path / FOLDER / "3.json").mkdir()
    (tmp_path / FOLDER / ".4.json").write_text("{}")
    assert pending(tmp_path) == []


def test_what_is_no_request_keeps_none_from_being_read(tmp_path: Path):
    """However many links lie before it."""
    path = leave(tmp_path, STOP)
    for number in range(2 * MOST_AT_ONCE):
        (path.parent / f"{number:05}.json").symlink_to(tmp_path / "elsewhere.json")
    assert [one.path for one in pending(tmp_path)] == [path]


def test_a_request_that_is_replaced_by_a_link_is_gone(tmp_path: Path):
    """What the link leads to is neither read as a request nor removed."""
    path = leave(tmp_path, STOP)
    (request,) = pending(tmp_path)
    path.rename(tmp_path / "mine.json")
    path.symlink_to(tmp_path / "mine.json")
    assert pending(tmp_path) == []
    path.with_suffix(".answer").symlink_to(tmp_path / "mine.json")
    before = (tmp_path / "mine.json").read_text()
    assert request.control is not None
    answer(request, replace(request.control, taken=True, outcome="done"))
    assert (tmp_path / "mine.json").read_text() == before
    assert answer_to(path, 0) == (True, "done")


def test_a_folder_that_leads_elsewhere_is_not_used(tmp_path: Path):
    (tmp_path / "study").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "study" / FOLDER).symlink_to(tmp_path / "outside")
    with pytest.raises(JournalError, match="leads out of the study"):
        leave(tmp_path / "study", STOP)
    (tmp_path / "outside" / "1.json").write_text("{}")
    assert pending(tmp_path / "study") == []
