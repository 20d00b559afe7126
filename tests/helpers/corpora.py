"""Files of real libraries in ``tests/data``, which are kept compressed."""

from __future__ import annotations

import lzma
from pathlib import Path


def unpacked(case: Path, target: Path) -> Path:
    """Write the files of a case to a folder, and return that."""
    for packed in case.rglob("*.xz"):
        file = target / packed.relative_to(case).with_suffix("")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(lzma.decompress(packed.read_bytes()))
    return target
