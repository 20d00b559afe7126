"""An app trains in rounds on whatever versions are installed: what `make test-matrix` asks first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_S = 900  # about 15 s on a quiet machine; only what hangs takes as long
APP = """
import hydra

def fail(x):
    raise ValueError(f"no luck with {x}")

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(config):
    import wandb
    run = wandb.init(mode="offline", project="smoke")
    for step in range(5):
        run.log({"loss": config.x / (step + 1)})
    run.finish()
    return fail(config.x) if config.x == 3 else config.x

if __name__ == "__main__":
    print("the app begins")
    main()
"""


@pytest.mark.timeout(LIMIT_S + 60)
@pytest.mark.parametrize("launcher", ["slots", "joblib"])
def test_two_rounds_with_curves_and_a_failure_that_is_told(launcher: str, tmp_path: Path) -> None:
    """Every job has its curve, the traceback its lines, and no library complains about us."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "config.yaml").write_text("x: 1.0\nseed: 0\n")
    words = [
        "hydra/sweeper=autoloop",
        f"hydra/launcher={launcher}",
        "hydra.launcher.n_jobs=2",
        "x=1.0,2.0,3.0",
    ]
    words += ["hydra.sweeper.rounds=2", "hydra.sweeper.metrics.objective=loss", "hydra.sweep.dir=study"]
    words += ["hydra.sweeper.bounds={x:[0.1,4.0]}", "hydra.sweeper.stop_rules=none"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    done = subprocess.run(
        [sys.executable, "app.py", "-m", *words],
        cwd=tmp_path,
        env={**environment, "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    summary = json.loads((tmp_path / "study/reports/data/autorun_summary.json").read_text())
    assert len(summary) >= 4, done.stdout
    assert all(run["loss"]["count"] == 5 for run in summary.values())
    logs = [path.read_text() for path in sorted(tmp_path.glob("study/*/job.log"))]
    shown = f'File "{tmp_path}/app.py", line 5, in fail\n    raise ValueError(f"no luck with {{x}}")'
    assert sum(shown in log for log in logs) == 1, logs
    assert "report to plugin author" not in done.stdout
