"""Is the demo's winner better, or was it lucky? Baseline, plain cloning and winner on fresh seeds.

Run: OMP_NUM_THREADS=1 python benchmarks/demo.py STUDY_DIR [--seeds 101 102 103 104 105]

The study is one that `make demo` left. Every configuration is trained anew with each seed, none of which the
study used. Prints one Markdown row per configuration: mean and standard deviation over the seeds of held-out
error and of the success rate in closed loop.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from autoloop.tasks import act_ot
from autoloop.train import composed

L1, SUCCESS = "eval/offline_eval/avg_l1", "eval/offline_eval/success_rate"


def configured(overrides: Sequence[str], seed: int) -> dict[str, Any]:
    """The app's config with these overrides, for a training that leaves no record."""
    config, _ = composed(overrides)
    return {**config, "seed": seed, "output_dir": None, "wandb": {"enable": False}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path, help="directory of the study")
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103, 104, 105])
    args = parser.parse_args()
    winner = yaml.safe_load((args.study / "best.yaml").read_text(encoding="utf-8"))
    settings = {
        "baseline": [],
        "plain behaviour cloning": ["ot.enable=false"],
        f"the study's winner ({winner['name']})": winner["overrides"],
    }
    print("| configuration | held-out L1 | success rate |\n|---|---|---|")
    for name, overrides in settings.items():
        finals = [act_ot.train(configured(overrides, seed)) for seed in args.seeds]
        cells = [_spread([final[metric] for final in finals]) for metric in (L1, SUCCESS)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


if __name__ == "__main__":
    main()
