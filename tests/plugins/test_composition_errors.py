"""A config that does not compose ends in an app of one's own as it does under Hydra's own sweeper."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.places import ROOT

APP = ROOT / "examples" / "plain_app" / "train.py"


@pytest.mark.slow
def test_a_swept_mistake_ends_with_hydras_message_and_exit_code(tmp_path):
    """Only each job's own composition meets it; the nearest name is told as well."""

    def ended(sweeper: str) -> tuple[int, str]:
        words = ["-m", f"hydra/sweeper={sweeper}", "hydra.sweep.dir=study", "step=10,20"]
        command = [sys.executable, "-W", "ignore", str(APP), *words]  # Hydra 1.4 warns of version_base first
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    (code, said), (hydras, hydras_words) = ended("autoloop"), ended("basic")
    assert code == hydras == 1
    assert "Could not override 'step'" in hydras_words and hydras_words in said
    assert "did you mean 'steps'?" in said
