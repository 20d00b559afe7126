"""One way to write a file: whole or not at all, readable by whom it is meant for."""

import os
import stat
from pathlib import Path

import pytest

from autoloop.engine.slurm.folder import keep_sweep
from autoloop.store.files import write_atomic
from autoloop.store.status import STATUS_NAME, read_status, write_status


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """A umask that lets the group write and others do nothing."""
    old = os.umask(0o007)
    yield
    os.umask(old)


@pytest.mark.usefixtures("umask")
def test_a_file_gets_the_mode_that_is_asked_for_whatever_the_umask_says(tmp_path: Path):
    write_atomic(tmp_path / "page", "text")
    write_atomic(tmp_path / "private", b"bytes", mode=0o600)
    write_atomic(tmp_path / "any", lambda file: file.write(b"written"), mode=None)
    modes = {path.name: oct(mode_of(path)) for path in tmp_path.iterdir()}
    assert modes == {"page": "0o644", "private": "0o600", "any": "0o660"}
    assert (tmp_path / "any").read_bytes() == b"written"


@pytest.mark.usefixtures("umask")
def test_a_job_s_status_follows_the_umask_and_a_pickled_sweep_is_the_user_s_alone(tmp_path: Path):
    write_status(str(tmp_path), {"state": "ended"})
    assert mode_of(tmp_path / STATUS_NAME) == 0o660 and read_status(tmp_path) == {"state": "ended"}
    assert mode_of(tmp_path / ".slurm" / keep_sweep(tmp_path, b"sweep")) == 0o600


def test_a_status_does_not_bring_back_a_directory_that_was_deleted(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        write_status(str(tmp_path / "gone"), {"state": "ended"})
    assert not (tmp_path / "gone").exists()


def test_what_cannot_be_written_leaves_the_old_file_and_no_draft(tmp_path: Path):
    def half(file):
        file.write(b"half")
        raise KeyboardInterrupt

    write_atomic(tmp_path / "deep" / "page", "old")
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "deep" / "page", half)
    assert [(path.name, path.read_text()) for path in (tmp_path / "deep").iterdir()] == [("page", "old")]


@pytest.mark.parametrize("durable", [True, False])
def test_a_durable_file_is_whole_on_disk_before_it_is_seen(tmp_path: Path, monkeypatch, durable):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
    write_atomic(tmp_path / "page", "twelve bytes", durable=durable)
    assert synced == ([12] if durable else [])
