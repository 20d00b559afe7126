"""What an engine costs per job: hydra/launcher=slots beside other launchers, measured in one run.

    tests/engine/slurm/up.sh DIR
    SLURM_CONF=DIR/slurm.conf python benchmarks/clusters.py --launchers slots slurm
    .venv-ray/bin/python benchmarks/clusters.py --launchers slots ray     # made by make test-ray

A study of short jobs runs through each launcher, one job at a time, several times in turn. The time from
handing a job to the launcher until its task runs, and from the task's end until the end is recorded, is the
launcher's; how long the task itself takes is left out. Prints a Markdown table of medians over all jobs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

APP = """
import json, time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=None)
def main(cfg):
    began = time.time()
    time.sleep(0.2)
    times = {"began": began, "ended": time.time()}
    Path(HydraConfig.get().runtime.output_dir, "times.json").write_text(json.dumps(times))
    return float(cfg.x)

if __name__ == "__main__":
    main()
"""
ONE_AT_A_TIME = ["hydra.launcher.n_jobs=1"]
SMALL_RAY = ("+hydra.launcher.ray.init.num_cpus=2", "+hydra.launcher.ray.init.include_dashboard=false")
LAUNCHERS = {
    "slots": [*ONE_AT_A_TIME],
    "slurm": [*ONE_AT_A_TIME, "hydra.launcher.poll_s=0.5"],
    "basic": [],
    "joblib": [*ONE_AT_A_TIME, "hydra.sweeper.n_jobs=1"],
    "submitit_local": ["hydra.sweeper.n_jobs=1"],
    "ray": ["hydra.sweeper.n_jobs=1", "hydra.launcher.ray.init.address=local", *SMALL_RAY],
}


def study(app: Path, launcher: str, jobs: int) -> list[tuple[float, float]]:
    """Run a study of ``jobs`` jobs; return seconds (handed over to begun, ended to recorded) of each."""
    study_dir = Path(tempfile.mkdtemp(dir=app.parent))
    variants = ",".join(f"v{number}:{{x@set:{number}}}" for number in range(1, jobs))
    words = ["hydra/sweeper=autoloop", f"hydra/launcher={launcher}", *LAUNCHERS[launcher], "+x=0"]
    words += [
        f"hydra.sweep.dir={study_dir}",
        f"hydra.sweeper.variants={{{variants}}}",
        "hydra.sweeper.live=false",
    ]
    words += ["hydra.sweeper.metrics={objective: null}"]
    done = subprocess.run(
        [sys.executable, str(app), "-m", *words], cwd=app.parent, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    lines = [json.loads(line) for line in (study_dir / "study.jsonl").read_text().splitlines()]
    handed = {line["job"]: line["time"] for line in lines if line["event"] == "job"}
    recorded = {line["job"]: line["time"] for line in lines if line["event"] == "trial"}
    times = {job: json.loads((study_dir / str(job) / "times.json").read_text()) for job in handed}
    return [(times[job]["began"] - handed[job], recorded[job] - times[job]["ended"]) for job in handed]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--launchers", nargs="+", default=["slots", "slurm"], choices=list(LAUNCHERS))
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {launcher: [] for launcher in args.launchers}
    with tempfile.TemporaryDirectory() as directory:
        app = Path(directory, "app.py")
        app.write_text(APP)
        for _ in range(args.repeats):
            for launcher in args.launchers:
                found[launcher] += study(app, launcher, args.jobs)
    print(
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {args.repeats} x {args.jobs} jobs each\n"
    )
    print("| launcher | until the task runs, s | until its end is recorded, s | per job, s |")
    print("|---|---|---|---|")
    for launcher, costs in found.items():
        before, after = (statistics.median(cost[place] for cost in costs) for place in (0, 1))
        total = statistics.median(sum(cost) for cost in costs)
        print(f"| {launcher} | {before:.2f} | {after:.2f} | {total:.2f} |")


if __name__ == "__main__":
    main()
