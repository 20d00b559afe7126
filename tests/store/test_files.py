"""Files that are written whole, and what a kill leaves of them."""

from __future__ import annotations

import os
from pathlib import Path

from autoloop.store.files import sweep_drafts


def test_drafts_of_a_killed_process_are_swept(tmp_path: Path):
    """Old ones, and no other file: somebody may be writing a new one."""
    names = (".report.html.0123abcd.tmp", ".best.yaml.89abcdef.tmp", "notes.tmp", ".mine.tmp")
    for name in names:
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (0, 0))
    write = tmp_path / ".best.yaml.01234567.tmp"
    write.write_text("being written")
    sweep_drafts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names[2:], write.name}
