"""A look of under a minute at what changed: lint, types, import rules, tests of it (``make quick``).

The tests are those that changed and, of the rooms that changed, those that import a changed module. Tests
that start processes or run whole studies are left to ``make check``, and named.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.helpers.places import ROOT

BIN = Path(sys.executable).parent
#: What a test file says that takes longer than a moment.
_SLOW = re.compile(
    r"subprocess|helpers.running|\.launch import|_app import|pexpect|playwright|Journal\(|mark\.slow|pool\b"
)


def changed() -> list[str]:
    """The Python files that differ from the branch ``main``, those not committed included.

    In a clone that is ``origin/main``, so that commits on the clone's own ``main`` count too.
    """
    base = _git("merge-base", "HEAD", "origin/main") or _git("merge-base", "HEAD", "main") or ["HEAD"]
    files = {*_git("diff", "--name-only", base[0]), *_git("ls-files", "--others", "--exclude-standard")}
    return sorted(name for name in files if name.endswith(".py") and (ROOT / name).is_file())


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split() if done.returncode == 0 else []


def covering(files: Iterable[str]) -> list[str]:
    """The test files for changed files: themselves, and those of their rooms that import them."""
    found: set[str] = set()
    for name in files:
        parts = Path(name).with_suffix("").parts
        if parts[0] == "tests" and parts[-1].startswith("test_"):
            found.add(name)
        elif parts[0] == "autoloop" and len(parts) > 2:
            module, package = ".".join(parts).removesuffix(".__init__"), ".".join(parts[:-1])
            imports = re.compile(rf"\b(from|import) ({re.escape(module)}|{re.escape(package)})\b")
            room = sorted((ROOT / "tests" / parts[1]).rglob("test_*.py"))
            found |= {str(test.relative_to(ROOT)) for test in room if imports.search(test.read_text())}
    return sorted(found)


def main() -> int:
    """Run the checks; return 1 if one failed."""
    files = changed()
    tests = covering(files)
    light = [test for test in tests if not _SLOW.search((ROOT / test).read_text())]
    commands = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["dmypy", "run"]]
    commands += [["lint-imports"], *([["python", "-m", "pytest", "-q", "-n", "2", *light]] if light else [])]
    failed = 0
    for words in commands:
        print("$", *words[:7], *(["..."] if len(words) > 7 else []), flush=True)
        failed |= subprocess.run([str(BIN / words[0]), *words[1:]], cwd=ROOT, check=False).returncode
    for test in [test for test in tests if test not in light]:
        print(f"left to make check: {test}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
