"""What a SLURM job is told and tells, in files: closed to others, refused where others could have written."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from autoloop.engine.execute.values import JobLimits
from autoloop.engine.slurm.body import is_result
from autoloop.engine.slurm.folder import JobFolder, SlurmRequest, keep_sweep, read_private
from autoloop.errors import AutoloopError
from tests.helpers.studies import job_event, replay, round_event, study_event, variant_entry


def request(sweep="sweep-0.pkl"):
    return SlurmRequest(3, ("x=1", "y='a b'"), sweep, "/", ("app.py",), ("/lib",), JobLimits(timeout_s=5.0))


def test_a_request_comes_back_as_it_was_written(tmp_path):
    folder = JobFolder.make(tmp_path, 3)
    folder.write_request(request())
    assert folder.read_request() == request()
    assert [found.path for found in JobFolder.of(tmp_path, 3)] == [folder.path]
    assert JobFolder.of(tmp_path, 33) == []


def test_nobody_else_can_look_into_the_files(tmp_path):
    """The directory is 0700 and each file 0600: overrides and the pickle are the user's own."""
    folder = JobFolder.make(tmp_path, 0)
    folder.write_request(request(keep_sweep(tmp_path, b"pickled")))
    folder.write_start(0, {"state": "running"})
    modes = {path.relative_to(tmp_path): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert set(modes.values()) == {0o700, 0o600}
    assert folder.read_sweep(folder.read_request()) == b"pickled"


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o602])
def test_a_pickle_that_others_may_touch_is_not_loaded(tmp_path, mode):
    folder = JobFolder.make(tmp_path, 0)
    name = keep_sweep(tmp_path, b"pickled")
    (folder.path.parent / name).chmod(mode)
    with pytest.raises(AutoloopError, match=f"mode {mode:o}"):
        folder.read_sweep(request(name))


def test_a_link_in_the_place_of_a_pickle_is_not_followed(tmp_path):
    real = tmp_path / "elsewhere.pkl"
    real.write_bytes(b"pickled")
    real.chmod(0o600)
    (tmp_path / "link.pkl").symlink_to(real)
    with pytest.raises(OSError, match="link"):
        read_private(tmp_path / "link.pkl")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_pickle_of_somebody_else_is_not_loaded(tmp_path):
    """The job ends before anything of it is unpickled."""
    folder = JobFolder.make(tmp_path, 0)
    name = keep_sweep(tmp_path, b"cos\nsystem\n(S'touch " + bytes(tmp_path) + b"/ran'\ntR.")
    folder.write_request(request(name))
    os.chown(folder.path.parent / name, 12345, 12345)
    body = [sys.executable, "-m", "autoloop.engine.slurm.body", str(folder.path)]
    done = subprocess.run(body, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "it is uid 12345's" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_starts_are_read_by_number_and_damage_is_left_out(tmp_path):
    folder = JobFolder.make(tmp_path, 0)
    folder.write_start(0, {"state": "ended", "ended_by": "interrupted"})
    folder.write_start(11, {"state": "ended", "ended_by": None})
    (folder.path / "start_2.json").write_text('{"state": "en')
    (folder.path / "start_3.json").write_text("[]")
    starts = folder.starts()
    assert {number: is_result(start) for number, start in starts.items()} == {0: False, 11: True}


def test_the_journal_remembers_where_a_job_is():
    """A restarted job keeps its number and works in a directory of its own."""
    handle = {"slurm_job": "17", "folder": "0-ab"}
    placed = {"event": "placed", "time": 0.0, "job": 0, "handle": handle, "restarts": 0, "run_dir": "0"}
    again = {**placed, "restarts": 1, "run_dir": "0_again1"}
    begun = [study_event(), round_event(1, variant_entry(0, "baseline")), job_event(0)]
    job = replay([*begun, placed, again]).jobs[0]
    assert (job.handle, job.run_dir, job.restarts, job.running) == (handle, "0_again1", 1, True)
