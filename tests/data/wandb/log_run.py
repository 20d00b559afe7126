"""Logs a run with the wandb of this environment and writes down what was logged.

Run by make_corpora.py: ``python log_run.py SCENARIO FOLDER VERSION``. The values come from a fixed formula,
so every version logs the same; ``expected.json`` holds them as they were given to ``wandb.log``.
"""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import server

NAN, INF = float("nan"), float("inf")
PLACE = {"project": "corpus", "entity": "team", "name": "a run", "group": "g1", "job_type": "train",
         "tags": ["a", "b c"], "notes": "two\nlines"}  # fmt: skip
CONFIG = {"lr": 1e-3, "steps": 2000, "ot": {"reg": 0.1, "tau": [0.5, 1.0]}, "name": "x", "none": None}


def start(wandb, folder, **more):
    """Start a run in ``folder``."""
    return wandb.init(dir=str(folder), config=CONFIG, **{**PLACE, **more})


def rows(count):
    """Yield the rows of the plain scenario: step and values."""
    for index in range(count):
        values = {
            "train/loss": 16.2 / (1 + index) + 1e-3 * math.sin(index),
            "train/lr": 1e-5 * (index + 1),
            "count": index,
            "large": 2**60 + index,
            "tiny": 10.0 ** -(index % 300),
            "odd": [1.5, NAN, INF, -INF][index % 4],
            "nested": {"a": {"b": index * 0.5}, "c.d": index},
            "key with space/\u00e9": -index / 3,
        }
        if index % 10 == 0:
            values["eval/offline_eval/avg_l1"] = 0.8 / (1 + index / 50)
        if index % 20 == 0:
            values.update({"text": f"epoch {index}", "flag": True, "nothing": None, "list": [1, 2.5]})
        yield index * 5, values


def numbers(values, prefix=""):
    """Yield dotted names and numbers of a row; what is no number is left out."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from numbers(value, prefix + key + ".")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield prefix + key, float(value)


def plain(wandb, folder):
    """Numbers of every kind, nested values, other things between; ends normally."""
    run = start(wandb, folder)
    for step, values in rows(120):
        wandb.log(values, step=step)
    run.summary["note"] = "set by hand"
    return {run.id: list(rows(120))}


def media(wandb, folder):
    """Histograms, tables and pages beside numbers."""
    run, logged = start(wandb, folder), []
    for step in range(5):
        hist = wandb.Histogram(np_histogram=([1, 2, 3], [0.0, 1.0, 2.0, 3.0]))
        values = {"loss": 1.0 / (step + 1), "n/size": step}
        others = {"hist": hist, "page": wandb.Html("<b>x</b>"), "deep": {"hist": hist, "number": step}}
        table = wandb.Table(columns=["x"], data=[[1.5]])
        wandb.log({**values, **others, "table": table})
        logged.append((step, {**values, "deep": {"number": step}}))
    return {run.id: logged}


def metric(wandb, folder):
    """Metrics drawn over a step of their own, by define_metric; no explicit steps; rows in two calls."""
    run, logged = start(wandb, folder), []
    wandb.define_metric("epoch")
    wandb.define_metric("eval/*", step_metric="epoch")
    for step in range(30):
        wandb.log({"train/loss": 1.0 / (step + 1)}, commit=False)
        wandb.log({"epoch": step // 10, "eval/acc": step / 30})
        logged.append((step, {"train/loss": 1.0 / (step + 1), "epoch": step // 10, "eval/acc": step / 30}))
    return {run.id: logged}


def resumed(wandb, folder):
    """One run in two directories; offline, the steps of the second begin at 0 again."""
    logged = []
    for part in range(2):
        run = start(wandb, folder, id="again1", resume="allow")
        for step in range(20 - 10 * part):
            wandb.log({"loss": part + step / 100})
            logged.append((step, {"loss": part + step / 100}))
        run.finish()
    return {"again1": logged}


def processes(wandb, folder):
    """Two processes of one group, a run each."""
    logged = {}
    for rank in range(2):
        code = "import sys; sys.path.insert(0, sys.argv[1]); import log_run; log_run.one_rank(*sys.argv[2:])"
        here = str(Path(__file__).resolve().parent)
        subprocess.run([sys.executable, "-c", code, here, str(folder), str(rank)], check=True)
        logged[f"rank{rank}"] = [(step, {"loss": rank + step / 10}) for step in range(10)]
    return logged


def one_rank(folder, rank):
    """Log the run of one rank."""
    import wandb

    start(wandb, folder, id="rank" + rank)
    for step in range(10):
        wandb.log({"loss": int(rank) + step / 10})
    wandb.finish()


def killed(wandb, folder):
    """A run that ends by SIGKILL to everything; written before, so that the record survives."""
    run = start(wandb, folder)
    logged = list(rows(400))
    write_expected(folder, {run.id: logged}, finished=False)
    for step, values in logged:
        wandb.log(values, step=step)
    import time

    time.sleep(2)
    os.killpg(0, signal.SIGKILL)


def both(wandb, folder):
    """The typed values of 0.31 and JSON side by side (0.31 does not write typed values alone)."""
    run = start(wandb, folder, settings=wandb.Settings(x_history_value_encoding="json,typed"))
    for step, values in rows(60):
        wandb.log(values, step=step)
    return {run.id: list(rows(60))}


def core(wandb, folder):
    """The first wandb-core, which had to be asked for and wrote its blocks 7 bytes late."""
    wandb.require("core")
    return plain(wandb, folder)


def online(wandb, folder):
    """A run that logs to a server while it writes its file; ends normally."""
    run = start(wandb, folder)
    for step, values in rows(60):
        wandb.log(values, step=step)
    return {run.id: list(rows(60))}


def forked(wandb, folder):
    """A run that goes on from step 9 of another one, with which it shares no file."""
    run = start(wandb, folder, fork_from="parent1?_step=9")
    for index in range(20):
        wandb.log({"loss": 1.0 / (index + 1)})
    return {run.id: [(10 + index, {"loss": 1.0 / (index + 1)}) for index in range(20)]}


def rejoined(wandb, folder):
    """One run in two directories; online, the second goes on at the step where the first ended."""
    logged = []
    for part in range(2):
        run = start(wandb, folder, id="again2", resume="allow")
        for index in range(20 - 10 * part):
            wandb.log({"loss": part + index / 100})
            logged.append((20 * part + index, {"loss": part + index / 100}))
        run.finish()
    return {"again2": logged}


def write_expected(folder, logged, finished=True):
    """Write the numbers as logged: run id -> metric -> [[step, value]...]; later values of a step win."""
    runs = {}
    for run_id, steps in logged.items():
        metrics = runs.setdefault(run_id, {})
        for step, values in steps:
            for name, value in numbers(values):
                metrics.setdefault(name, {})[step] = value
    content = {
        "finished": finished,
        "runs": {i: {n: sorted(p.items()) for n, p in m.items()} for i, m in runs.items()},
    }
    (Path(folder) / "expected.json").write_text(json.dumps(content, separators=(",", ":")))


def main(scenario, folder, version):
    """Log the scenario, to a stand-in for the server if need be, and write what was logged."""
    if scenario in ("online", "forked", "rejoined"):
        with server.served() as address:
            log(scenario, folder, WANDB_MODE="online", WANDB_BASE_URL=address)
    else:
        log(scenario, folder, WANDB_MODE="dryrun" if version.startswith("0.9.") else "offline")


def log(scenario, folder, **env):
    """Log the scenario and write what was logged."""
    on, off = "true", "false"
    os.environ.update(env, WANDB_SILENT=on, WANDB_ERROR_REPORTING=off, WANDB_CONSOLE="off")
    os.environ.update(WANDB_API_KEY="0" * 40, WANDB_DISABLE_GIT=on, WANDB_DISABLE_CODE=on)
    import wandb

    logged = globals()[scenario](wandb, folder)
    getattr(wandb, "finish", lambda: None)()
    write_expected(folder, logged)


if __name__ == "__main__":
    main(*sys.argv[1:])
