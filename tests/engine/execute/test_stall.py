"""A job stands still when neither its logs nor its curves grow, whatever it logs with."""

import pytest

from autoloop.engine.execute.stall import StallWatch


@pytest.mark.parametrize(
    ("name", "is_progress"),
    [("job.log", True), ("csv_logs/version_0/metrics.csv", True), ("runs/events.out.tfevents.1.host", True),
     ("wandb/offline-run-20260101_000000-a/run-a.wandb", True), ("mlruns/0/ab/metrics/loss", True),
     ("wandb/offline-run-20260101_000000-a/logs/debug-internal.log", False), ("core", False)],
)  # fmt: skip
def test_what_counts_as_progress(name, is_progress, tmp_path):
    """Logs and histories of all trackers; W&B's own log grows while a trainer stands."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")
    watch = StallWatch(4.0)
    assert not watch.is_stalled(0.0, str(tmp_path))
    file.write_text("xx")
    assert not watch.is_stalled(3.0, str(tmp_path))
    assert watch.is_stalled(5.0, str(tmp_path)) != is_progress
