"""Log a run with one library: ``log_run.py LIBRARY FOLDER``; ``FOLDER/expected.json`` has what was logged.

``LIBRARY`` is a function of this file. A ``killed`` run ends without a word, amid what it had to say.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", WANDB_MODE="disabled", CUDA_VISIBLE_DEVICES="")


class Logged(dict):
    """Metric -> ``[step, value]``, in the order of the steps; of one step the last counts."""

    def add(self, name, step, value):
        points = self.setdefault(name, [])
        points[:] = [point for point in points if point[0] != step] + [[step, value]]


def loss(step):
    return 2.0 / (step + 1) + 0.1 * math.sin(step)


def lightning(folder):
    """Train, validation and epoch rows at one step; a metric that comes late; NaN; tensors; a second run."""
    try:
        from lightning.pytorch.loggers import CSVLogger
    except ImportError:
        from pytorch_lightning.loggers import CSVLogger
    import torch

    logged = Logged()
    logger = CSVLogger(str(folder), name="csv_logs", flush_logs_every_n_steps=7)
    for step in range(9, 200, 10):
        if step > 150 and "killed" in folder.name:
            done(folder, logged)
        rows = [{"train/loss": loss(step), "epoch": step // 50}]
        if step % 50 == 49:
            tensor = torch.tensor(loss(step) / 3)
            rows += [
                {"val/loss": tensor, "val/acc": 1 - loss(step) / 9, "epoch": step // 50},
                {"train/loss_epoch": math.nan if step == 149 else loss(step) / 2, "epoch": step // 50},
            ]
        for row in rows:
            logger.log_metrics(row, step)
            for name, value in row.items():
                logged.add(name, step, float(value))
    logger.save()
    logger.finalize("success")
    return logged


def stable_baselines3(folder):
    """``progress.csv``: a column that comes late rewrites the file; texts beside numbers."""
    from stable_baselines3.common.logger import configure

    logged = Logged()
    logger = configure(str(folder / "sb3"), ["csv"])
    for iteration in range(1, 31):
        if iteration > 25 and "killed" in folder.name:
            done(folder, logged)
        step = 2048 * iteration
        row = {"time/total_timesteps": step, "time/iterations": iteration}
        row["rollout/ep_rew_mean"] = -loss(iteration)
        if iteration > 1:
            row |= {"train/loss": loss(iteration), "train/approx_kl": loss(iteration) / 100}
        if iteration > 20:
            row["eval/mean_reward"] = 10 * iteration
        for name, value in row.items():
            logger.record(name, value)
            if name != "time/total_timesteps":
                logged.add(name, step, float(value))
        logger.record("note", 'a, "text"', exclude=("log", "stdout"))
        logger.dump(step)
    logger.close()
    return logged


def transformers(folder):
    """Train and evaluate; checkpoints; a loss that becomes NaN and is logged as 0."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 1)

        def forward(self, x, labels):
            out = self.layer(x)
            return {"loss": torch.nn.functional.mse_loss(out, labels), "logits": out}

    class Watch(TrainerCallback):
        def __init__(self):
            self.logged = Logged()

        def on_log(self, args, state, control, logs=None, **_):
            for name, value in (logs or {}).items():
                if isinstance(value, int | float):
                    hidden = name == "loss" and value == 0 and not math.isfinite(logs.get("grad_norm", 0))
                    self.logged.add(name, state.global_step, math.nan if hidden else float(value))

    torch.manual_seed(0)
    data = [{"x": torch.randn(4), "labels": torch.randn(1)} for _ in range(64)]
    for item in data[-3:]:
        item["x"] = item["x"] * (float("inf") if "nan" in folder.name else 1)
    watch = Watch()
    broken = "nan" in folder.name
    args = TrainingArguments(
        output_dir=str(folder / "out"),
        max_steps=40 if broken else 60,
        per_device_train_batch_size=4,
        logging_steps=2,
        eval_strategy="no" if broken else "steps",
        eval_steps=10,
        save_steps=20,
        save_total_limit=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=1,
    )
    trainer = Trainer(Model(), args, train_dataset=data, eval_dataset=data[:8], callbacks=[watch])
    trainer.train()
    if "whole" in folder.name:
        trainer.save_state()
    else:  # what is logged at the end is in no checkpoint
        for name in [name for name in watch.logged if name.startswith(("train_", "total_"))]:
            del watch.logged[name]
    for path in (folder / "out").rglob("*"):
        if path.is_file() and path.name != "trainer_state.json":
            path.unlink()
    return watch.logged


def done(folder, logged):
    """Write what was logged, and be gone."""
    (folder / "expected.json").write_text(json.dumps(logged), encoding="utf-8")
    os._exit(9)


def main():
    library, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True)
    done(folder, globals()[library](folder))


if __name__ == "__main__":
    main()
