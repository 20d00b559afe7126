"""Logs a run with a library of this environment and writes down what was logged.

Run by make_corpora.py: ``python log_run.py LIBRARY SCENARIO FOLDER``. The values come from a fixed formula;
``expected.json`` holds them as they were given to the library: run, metric, ``[step, value]``.
"""

import json
import math
import os
import signal
import sys
import time
from pathlib import Path

NAN, INF = float("nan"), float("inf")
ODD = [1.5, NAN, INF, -INF]


def rows(start, stop):
    """Yield the rows of a run: step and values."""
    for step in range(start, stop):
        values = {"train/loss": 16.2 / (1 + step) + 1e-3 * math.sin(step), "lr": 1e-5 * (step + 1)}
        values["odd"] = ODD[step % 4]
        if step % 10 == 0:
            values["eval/avg l1"] = -0.8 / (1 + step / 50)
            values["zero"] = 0.0
        yield step, values


class Expected:
    """What was logged."""

    def __init__(self):
        self.runs = {}

    def add(self, run, step, values):
        for name, value in values.items():
            self.runs.setdefault(run, {}).setdefault(name, {})[step] = value

    def write(self):
        runs = {run: {name: sorted(points.items()) for name, points in metrics.items()}
                for run, metrics in self.runs.items()}  # fmt: skip
        Path("expected.json").write_text(json.dumps({"runs": runs}))


def kill():
    """End as a process that is killed does."""
    os.kill(os.getpid(), signal.SIGKILL)


def tensorboard(scenario, expected, make, space=" "):
    """Log with a SummaryWriter, PyTorch's or tensorboardX's, which has another sign for a space in a name."""
    import numpy as np

    def write(folder, start, stop, run):
        writer = make(folder)
        for step, values in rows(start, stop):
            for name, value in values.items():
                writer.add_scalar(name, value, step)
            expected.add(run, step, {name.replace(" ", space): value for name, value in values.items()})
        return writer

    if scenario == "plain":
        writer = write("runs", 0, 200, "runs")
        for step in (-1, 2**40):
            writer.add_scalar("far", step / 3, step)
            expected.add("runs", step, {"far": step / 3})
        writer.add_histogram("weights", np.arange(1000.0), 3)
        writer.add_image("picture", np.arange(3 * 40 * 40, dtype=np.uint8).reshape(3, 40, 40), 3)
        writer.add_text("words", "hello", 3)
        writer.close()
    elif scenario == "parts":
        writer = write("runs", 0, 20, "runs")
        for step in range(20):
            writer.add_scalars("Loss/all", {"train": step / 7, "val": step / 3}, step)
            expected.add("runs", step, {"Loss/all/train": step / 7, "Loss/all/val": step / 3})
        writer.add_hparams({"lr": 0.1}, {"hparam/accuracy": 0.5})
        writer.close()
    elif scenario == "resumed":
        write("runs", 0, 60, "runs").close()
        time.sleep(1.1)  # the names of files tell seconds
        write("runs", 40, 100, "runs").close()
    elif scenario == "several":
        write("runs/a", 0, 20, "a").close()
        time.sleep(1.1)
        write("runs/b", 0, 30, "b").close()
    elif scenario == "killed":
        writer = write("runs", 0, 120, "runs")
        writer.flush()
        for step, values in rows(120, 150):
            writer.add_scalar("train/loss", values["train/loss"], step)
            expected.add("runs", step, {"train/loss": values["train/loss"]})
        expected.write()
        kill()


def torch(scenario, expected):
    """PyTorch's SummaryWriter, on TensorBoard's own writer."""
    from torch.utils.tensorboard import SummaryWriter

    if scenario == "tensors":
        writer = SummaryWriter("runs")
        for step, values in rows(0, 60):
            for name, value in values.items():
                writer.add_scalar(name, value, step, new_style=True)
            expected.add("runs", step, values)
        writer.close()
    else:
        tensorboard(scenario, expected, SummaryWriter)


def tensorboardx(scenario, expected):
    """The SummaryWriter of tensorboardX."""
    from tensorboardX import SummaryWriter

    tensorboard(scenario, expected, SummaryWriter, space="_")


def tensorflow(scenario, expected):
    """TensorFlow 2's summaries."""
    import tensorflow as tf

    writer = tf.summary.create_file_writer("runs")
    with writer.as_default():
        for step, values in rows(0, 60):
            for name, value in values.items():
                tf.summary.scalar(name, value, step)
            tf.summary.scalar("whole", tf.constant(step, tf.int64), step)
            tf.summary.histogram("weights", tf.range(100.0), step)
            expected.add("runs", step, {**values, "whole": step})
    writer.close()


def lightning(scenario, expected):
    """Lightning's TensorBoardLogger."""
    from lightning.pytorch.loggers import TensorBoardLogger

    for version, stop in (("version_0", 30), ("version_1", 50)):
        time.sleep(1.1)
        logger = TensorBoardLogger(".", name="lightning_logs")
        logger.log_hyperparams({"lr": 0.1}, {"hp_metric": -1.0})
        expected.add(version, 0, {"hp_metric": -1.0})
        for step, values in rows(0, stop):
            logger.log_metrics({**values, "epoch": step // 10}, step)
            expected.add(version, step, {**values, "epoch": step // 10})
        logger.finalize("success")


def mlflow(scenario, expected):
    """MLflow, with its default store or the other one."""
    os.environ.update(MLFLOW_ALLOW_FILE_STORE="true", GIT_PYTHON_REFRESH="quiet")
    import mlflow

    mlflow.set_tracking_uri("file:./mlruns" if "store" in scenario else "sqlite:///mlflow.db")
    mlflow.set_experiment("corpus")

    def write(start, stop, run_id=None):
        with mlflow.start_run(run_id=run_id, run_name=None if run_id else "a run") as run:
            if not run_id:
                mlflow.log_param("lr", 0.1)
            for step, values in rows(start, stop):
                mlflow.log_metrics(values, step=step)
                expected.add(run.info.run_id, step, values)
                if stop == 999 and step == 40:
                    expected.write()
                    kill()
        return run.info.run_id

    if "killed" in scenario:
        write(0, 999)
    if "resumed" in scenario:
        write(20, 50, write(0, 30))
    else:
        write(0, 20)
        write(0, 30)


def trackio(scenario, expected):
    """Log with trackio."""
    os.environ.update(TRACKIO_DIR=str(Path("trackio").absolute()), HF_HUB_OFFLINE="1")
    import trackio

    def write(name, start, stop, end=True, **more):
        trackio.init(project="corpus", name=name, config={"lr": 0.1}, **more)
        for step, values in rows(start, stop):
            trackio.log({**values, "inner": {"x": step}, "text": "a"}, step=step)
            expected.add(name, step, {**values, "inner.x": step})
        if end:
            trackio.finish()

    if scenario == "killed":
        write("first", 0, 40, end=False)
        time.sleep(10)
        write_on = dict(rows(40, 60))
        for step, values in write_on.items():
            trackio.log(values, step=step)
            expected.add("first", step, values)
        expected.write()
        kill()
    if scenario == "resumed":
        write("first", 0, 30)
        write("first", 20, 50, resume="must")
    else:
        write("first", 0, 20)
        write("second", 0, 30)


if __name__ == "__main__":
    library, name, folder = sys.argv[1:]
    os.chdir(folder)
    logged = Expected()
    globals()[library](name, logged)
    logged.write()
