"""The program that a study trains with: which of its files say something else than when the study began."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import autoloop

MOST_FILES = 500
MOST_BYTES = 2_000_000
_INSTALLED = ("site-packages", "dist-packages")


def program_files() -> dict[str, str]:
    """Path of each file of the running program, relative to its main file's directory -> hash of its content.

    Those are the modules that it has imported from there by now; what is installed is not among them, nor
    what a task imports later, nor a trainer that is another program.
    """
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if not main:
        return {}
    top, own = Path(main).resolve().parent, Path(autoloop.__file__).resolve().parent
    found: dict[str, str] = {}
    for path in sorted(_imported()):
        if len(found) < MOST_FILES and path.is_relative_to(top) and not path.is_relative_to(own):
            within = path.relative_to(top)
            digest = None if set(_INSTALLED) & set(within.parts) else _digest(path)
            found |= {str(within): digest} if digest else {}
    return found


def changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The files of both that say something else."""
    return [file for file, digest in before.items() if now.get(file, digest) != digest]


def _imported() -> Iterator[Path]:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py"):
            yield Path(file).resolve()


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError:
        return None
    return hashlib.sha256(content).hexdigest()[:16] if len(content) <= MOST_BYTES else None
