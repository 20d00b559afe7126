"""Writes anew all that is made of the code: pages, tables, recorded decisions and messages (``make renew``).

Read the diff afterwards: it shows what users will see.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.helpers.places import ROOT

#: What is made -> the words that make it.
MAKERS = {
    "docs/edits.md, docs/settings.md, conf/config.yaml": ["docs/generate.py"],
    "docs/rules.md": ["-m", "tests.rules.test_rules_reference"],
    "docs/decisions.md": ["-m", "tests.stopping.test_stop_reference"],
    "docs/strategies.md": ["-m", "tests.strategies.test_strategies_reference"],
    "docs/cli.md": ["-m", "tests.cli.cli_docs"],
    "decisions on a fixed set of curves": ["-m", "tests.rules.test_recorded_decisions"],
    "former values of conf/": ["-m", "tests.config.test_shipped"],
    "messages": [
        *("-m", "pytest", "-q", "-n", "2", "-m", "slow or not slow"),
        *("tests/product/test_messages.py", "tests/edits/test_compliance.py"),
        "tests/runner/test_survival_docs.py",
    ],
}


def main() -> int:
    """Run every maker; return 1 if one failed."""
    environment = {**os.environ, "AUTOLOOP_GOLDEN": "write", "PYTHONPATH": str(ROOT)}
    failed = 0
    for made, words in MAKERS.items():
        print(made, flush=True)
        failed |= subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
