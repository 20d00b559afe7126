"""Following a journal from outside, and being told of its events inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoloop.errors import JournalError
from autoloop.store.journal import FILE_NAME, Journal, JournalReader
from autoloop.study.record import Event, Study
from tests.helpers.studies import event_of, variant_entry


def plan(journal: Journal, *names: str) -> None:
    entries = [variant_entry(number, name) for number, name in enumerate(names)]
    journal.append(event_of("round", round=1, variants=entries, refused=[]))


def test_each_update_returns_the_events_that_are_new(tmp_path: Path):
    with Journal(tmp_path) as journal:
        reader = JournalReader(tmp_path)
        journal.append(event_of("study", task="x"))
        assert [event.kind for event in reader.update()] == ["study"]
        assert reader.update() == []
        plan(journal, "baseline")
        journal.append(event_of("job", job=0, run_dir="0"))
        assert [event.kind for event in reader.update()] == ["round", "job"]
        assert reader.study.jobs == journal.study.jobs


def test_a_line_is_read_when_it_is_whole(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", task="x"))
        plan(journal, "baseline")
    whole = (tmp_path / FILE_NAME).read_bytes()
    cut = len(whole) - 7
    reader = JournalReader(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(whole[:cut])
    assert [event.kind for event in reader.update()] == ["study"]
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(whole[cut:])
    assert [event.kind for event in reader.update()] == ["round"]


def test_only_what_is_new_is_read(tmp_path: Path):
    """Lines that were read once may turn to rubbish: nobody looks at them again."""
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", task="x"))
        reader = JournalReader(tmp_path)
        reader.update()
        size = (tmp_path / FILE_NAME).stat().st_size
        with (tmp_path / FILE_NAME).open("r+b") as file:
            file.write(b"#" * (size - 1))
        plan(journal, "baseline")
        assert [event.kind for event in reader.update()] == ["round"]


def test_damage_is_told_with_the_number_of_its_line(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", task="x"))
    reader = JournalReader(tmp_path)
    reader.update()
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(b"rubbish\n")
    with pytest.raises(JournalError, match="line 2 of"):
        reader.update()


def test_a_new_study_in_the_same_place_is_read_from_its_start(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", task="old"))
        plan(journal, "a", "b")
    reader = JournalReader(tmp_path)
    reader.update()
    (tmp_path / FILE_NAME).rename(tmp_path / "old.jsonl")
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", task="new"))
    assert [getattr(event, "task", None) for event in reader.update()] == ["new"]
    assert (reader.study.header.task, reader.study.jobs) == ("new", {})


def test_observers_hear_each_event_once_it_counts(tmp_path: Path):
    heard: list[tuple[str, int]] = []

    def hear(event: Event, study: Study) -> None:
        heard.append((event.kind, len(study.jobs)))

    with Journal(tmp_path) as journal:
        journal.append(event_of("study", task="x"))
        journal.observers.append(hear)
        plan(journal, "baseline", "reg")
    assert heard == [("round", 2)]


def test_a_snapshot_does_not_change_any_more(tmp_path: Path):
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", task="x"))
        plan(journal, "baseline")
        before = journal.snapshot()
        journal.append(event_of("job", job=0, run_dir="0"))
        journal.append(event_of("decisions", round=1, decisions=[]))
        journal.append(event_of("resume", pid=1))
        assert not before.jobs[0].started
        assert (before.decisions, before.resumes) == ({}, [])
        assert journal.study.jobs[0].started
