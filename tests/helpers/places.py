"""Where things lie in the repository: no test counts the folders above itself."""

from __future__ import annotations

from pathlib import Path

HELPERS = Path(__file__).parent
TESTS = HELPERS.parent
ROOT = TESTS.parent

CONF = ROOT / "conf"
DATA = TESTS / "data"  # what tests read
GOLDEN = TESTS / "golden"  # what must come out; AUTOLOOP_GOLDEN=write renews it
