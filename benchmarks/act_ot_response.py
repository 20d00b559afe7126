"""What each knob of the built-in task does: held-out error and transport mass over settings and seeds.

Run: OMP_NUM_THREADS=1 python benchmarks/act_ot_response.py [--seeds 0 1 2] [--only NAME ...]
Prints one Markdown row per setting, mean and standard deviation over the seeds, as soon as it is measured.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import yaml

from autoloop.tasks import act_ot

TASK = Path(__file__).parents[1] / "conf" / "task" / "act_ot.yaml"
TAU = ("ot.loss_config.tau_src", "ot.loss_config.tau_tgt")


def _tau(value: float) -> dict[str, Any]:
    return dict.fromkeys(TAU, value)


CURED = _tau(1.0)
# name -> changed settings; "features.*" stands for every feature of the transport cost
SETTINGS: dict[str, dict[str, Any]] = {
    "baseline as shipped": {},
    "plain behaviour cloning": {"ot.enable": False},
    "tau 0.2": _tau(0.2),
    "tau 0.5": _tau(0.5),
    "tau 1": CURED,
    "tau 2": _tau(2.0),
    "tau 20": _tau(20.0),
    "tau 1, heuristic off": CURED | {"ot.loss_config.heuristic": False},
    "tau 1, reg 0.02": CURED | {"ot.loss_config.reg": 0.02},
    "tau 1, reg 1": CURED | {"ot.loss_config.reg": 1.0},
    "tau 1, lambda 0.3": CURED | {"ot.lambda_ot": 0.3},
    "tau 1, lambda 1": CURED | {"ot.lambda_ot": 1.0},
    "tau 1, weight_label x0": CURED | {"features.*.weight_label": 0.0},
    "tau 1, weight_label x5": CURED | {"features.2.weight_label": 0.1},
    "tau 1, weight_embed x2": CURED | {"features.0.weight_embed": 0.1, "features.1.weight_embed": 0.1},
    "tau 1, window 20": CURED | {"ot.window_size": 20},
    "tau 1, lr 3e-4": CURED | {"policy.optimizer_lr": 3e-4},
    "tau 1, lr 5e-4": CURED | {"policy.optimizer_lr": 5e-4},
    "tau 1, lr 2e-3": CURED | {"policy.optimizer_lr": 2e-3},
    "plain, lr 2e-3": {"ot.enable": False, "policy.optimizer_lr": 2e-3},
    "tau 1, batch 8": CURED | {"batch_size": 8},
    "tau 1, batch 32": CURED | {"batch_size": 32},
    "variant reg_tau": _tau(1.0) | {"ot.loss_config.reg": 0.15, "ot.lambda_ot": 0.12},
    "variant tau2_lam015": _tau(2.0) | {"ot.lambda_ot": 0.15, "features.2.weight_label": 0.01},
    "variant tau5_action0005": _tau(5.0) | {"features.*.weight_label": 0.005},
}


def configured(changes: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return the shipped config with ``changes``, without records."""
    config: dict[str, Any] = yaml.safe_load(TASK.read_text(encoding="utf-8"))
    config |= {"seed": seed, "output_dir": None, "wandb": {"enable": False}}
    for path, value in changes.items():
        nodes: list[Any] = [config["ot"]["loss_config"] if path.startswith("features.") else config]
        *parents, name = path.split(".")
        for part in parents:
            nodes = [item for node in nodes for item in _children(node, part)]
        for node in nodes:
            node[name] = value
    return config


def _children(node: Any, part: str) -> list[Any]:
    if part == "*":
        return list(node)
    return [node[int(part)] if isinstance(node, list) else node[part]]


def measure(name: str, seeds: list[int]) -> str:
    """Train one setting with every seed and return its row of the table."""
    begin = time.process_time()
    finals = [act_ot.train(configured(SETTINGS[name], seed)) for seed in seeds]
    cpu_s = (time.process_time() - begin) / len(seeds)
    cells = [name, _cell(finals, "eval/offline_eval/avg_l1", ".4f")]
    cells += [_cell(finals, "eval/offline_eval/success_rate", ".2f"), _cell(finals, "train/l1_loss", ".4f")]
    cells += [_cell(finals, "train/ot_pi_sum", ".2g", spread=False), f"{cpu_s:.1f}"]
    return f"| {' | '.join(cells)} |"


def _cell(finals: list[dict[str, float]], metric: str, form: str, spread: bool = True) -> str:
    values = [final[metric] for final in finals if metric in final]
    if not values:
        return "-"
    mean = format(statistics.mean(values), form)
    return f"{mean} ± {statistics.stdev(values):{form}}" if spread and len(values) > 1 else mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=list(SETTINGS), choices=list(SETTINGS), metavar="NAME")
    arguments = parser.parse_args()
    print("| setting | avg_l1 | success rate | train l1 | pi_sum at the end | CPU s per run |")
    print("|---|---|---|---|---|---|")
    for name in arguments.only:
        print(measure(name, arguments.seeds), flush=True)


if __name__ == "__main__":
    main()
