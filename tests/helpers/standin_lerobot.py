"""A trainer with LeRobot's habits: a strict config, a fresh output_dir, the users' metric names in W&B.

It takes one JSON file and flags like a draccus command line. What it was started with (words, environment,
times) goes to ``started.jsonl`` in STANDIN_RECORDS. It never goes online: with ``--wandb.mode=online`` it
records the flag and logs offline. STANDIN_WANDB=file writes the `.wandb` file without importing wandb.
STANDIN_FAIL makes it fail:
``JOB_NAME:KIND,...`` with the kinds of `FAILURES`. ``--help`` names its flags and trains nothing.
"""

import json
import math
import os
import pathlib
import signal
import sys
import time

ANY = object()
SCHEMA = {
    "dataset": {
        "repo_id": str,
        "root": str,
        "episodes": ANY,
        "streaming": bool,
        "use_imagenet_stats": bool,
        "image_transforms": ANY,
    },
    "policy": {
        "type": str,
        "device": str,
        "push_to_hub": bool,
        "use_amp": bool,
        "pretrained_path": ANY,
        "optimizer_lr": float,
        "optimizer_lr_backbone": float,
        "optimizer_weight_decay": float,
    },
    "optimizer": {
        "type": str,
        "lr": float,
        "weight_decay": float,
        "betas": ANY,
        "eps": float,
        "grad_clip_norm": float,
    },
    "scheduler": ANY,
    "batch_size": int,
    "num_workers": int,
    "steps": int,
    "eval_freq": int,
    "log_freq": int,
    "save_checkpoint": bool,
    "save_freq": int,
    "seed": ANY,
    "use_policy_training_preset": bool,
    "resume": bool,
    "job_name": str,
    "output_dir": str,
    "wandb": {"mode": str, "enable": bool, "entity": ANY, "project": str, "disable_artifact": bool},
    "ot": {
        "enable": bool,
        "src_repo_id": str,
        "src_root": str,
        "pair_info_path": str,
        "batch_ratio": float,
        "bc_src_weight": float,
        "normalize_bc_weights_by_ds_size": bool,
        "lambda_ot": float,
        "obs_keys": ANY,
        "base_index_src": int,
        "base_index_tgt": int,
        "window_size": int,
        "loss_config": ANY,
    },
}


class DecodingError(Exception):
    """What draccus raises."""


DecodingError.__module__ = "draccus.utils"


def check(value, schema, path):
    if schema is ANY:
        return
    if isinstance(schema, dict):
        unknown = [key for key in value if key not in schema]
        if unknown:
            raise DecodingError(f"The fields `{', '.join(unknown)}` are not valid for TrainPipelineConfig")
        for key in value:
            check(value[key], schema[key], f"{path}.{key}")
    elif schema is int and (isinstance(value, bool) or not isinstance(value, int)):
        raise DecodingError(f"`{path[1:]}`: Couldn't parse '{value}' into an int")
    elif schema is float and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise DecodingError(f"`{path[1:]}`: Couldn't parse '{value}' into a float")
    elif schema in (str, bool) and not isinstance(value, schema):
        raise DecodingError(f"`{path[1:]}`: Couldn't parse '{value}' into a {schema.__name__}")


def read_flag(config, flag):
    name, equals, text = flag.removeprefix("--").partition("=")
    *parents, last = name.split(".")
    node, schema = config, SCHEMA
    for key in parents:
        schema = schema.get(key) if isinstance(schema, dict) else None
        node = node.setdefault(key, {})
    if not flag.startswith("--") or not equals or not isinstance(schema, dict) or last not in schema:
        print(
            f"usage: standin_lerobot.py [-h] [--config_path str]\n"
            f"standin_lerobot.py: error: unrecognized arguments: {flag}",
            file=sys.stderr,
        )
        sys.exit(2)
    kind = schema[last]
    node[last] = text if kind is str else json.loads(text) if kind is not ANY else _loose(text)


def _loose(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_config(words):
    config_file = next((word.partition("=")[2] for word in words if word.startswith("--config_path=")), None)
    config = json.loads(pathlib.Path(config_file).read_text())
    if config.get("resume"):
        config["resume"] = False
    for word in words:
        if not word.startswith("--config_path="):
            read_flag(config, word)
    check(config, SCHEMA, "")
    return config


def use_preset(config):
    """What LeRobot does without a word: the policy's preset replaces the optimizer."""
    if config.get("use_policy_training_preset", True):
        config["optimizer"] = {
            "type": "adamw",
            "lr": config["policy"]["optimizer_lr"],
            "betas": [0.9, 0.999],
            "weight_decay": config["policy"]["optimizer_weight_decay"],
            "eps": 1e-8,
            "grad_clip_norm": 10.0,
        }


def curves(config, step):
    ot = config["ot"]
    loss, seed = ot["loss_config"], config.get("seed") or 0
    scale = loss["reg"] + loss["tau_src"] + loss["tau_tgt"]
    mass = math.exp(-8.0 / scale) if ot["enable"] else 0.0
    rate = min(3.0, config["policy"]["optimizer_lr"] * 2e4) * step / max(1, config["steps"])
    l1 = 0.15 + 0.46 * math.exp(-3 * rate) - 0.04 * min(mass, 0.5) + 0.001 * math.sin(seed + step)
    return {
        "train/loss": l1 * 4,
        "train/l1_loss": l1,
        "train/kld_loss": 0.3 * math.exp(-rate),
        "train/grad_norm": 49.0,
        "train/lr": config["optimizer"]["lr"],
        "train/ot_loss": scale * (1 - mass),
        "train/ot_pi_sum": mass,
        "train/ot_pi_diag": 0.9 * mass,
        "train/ot_cost/img_ee": 8.0 * math.exp(-rate * mass),
        "train/ot_cost/action_lbl": 1.0,
    }


class WandbRun:
    """A run of the real wandb, offline."""

    def __init__(self, config, directory):
        import wandb

        self.run = wandb.init(
            dir=directory,
            mode="offline",
            config=config,
            name=config.get("job_name"),
            project=config["wandb"]["project"],
            entity=config["wandb"].get("entity"),
        )

    def log(self, values, step):
        for key, value in values.items():  # LeRobot logs one key at a time
            self.run.log({key: value}, step=step)

    def finish(self):
        self.run.finish()


class FileRun:
    """The same file without the seconds that wandb takes."""

    def __init__(self, config, directory):
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
        from tests.helpers import wandb_file

        self.file, self.directory = wandb_file, directory
        self.records = [wandb_file.run(config=config, name=config.get("job_name", ""))]

    def log(self, values, step):
        self.records.append(self.file.row(step, values))

    def finish(self):
        self.file.log(pathlib.Path(self.directory), [*self.records, self.file.exit_record()])


class NoRun:
    def log(self, values, step):
        pass

    def finish(self):
        pass


def fail_raise():
    raise RuntimeError("boom: the demonstrations are unreadable")


def fail_oom():
    raise MemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")


FAILURES = {
    "raise": fail_raise,
    "oom": fail_oom,
    "exit": lambda: sys.exit(7),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(300),
}


def train(config, run):
    fails = dict(text.split(":") for text in os.environ.get("STANDIN_FAIL", "").split(",") if text)
    kind = fails.get(config.get("job_name"))
    pause = float(os.environ.get("STANDIN_STEP_S", "0"))
    for step in range(1, config["steps"] + 1):
        if pause:
            time.sleep(pause)
        if step % config["log_freq"] == 0:
            run.log(curves(config, step), step)
        if step % config["eval_freq"] == 0 or step == config["steps"]:
            l1 = curves(config, step)["train/l1_loss"] * 1.3
            run.log({"eval/offline_eval/avg_l1": l1, "eval/offline_eval/avg_loss": 4 * l1}, step)
        if kind and step >= config["steps"] // 2:
            FAILURES[kind]()


def record(**fields):
    where = os.environ.get("STANDIN_RECORDS")
    if where:
        with (pathlib.Path(where) / "started.jsonl").open("a") as file:
            file.write(json.dumps({"time": time.time(), "pid": os.getpid(), **fields}) + "\n")


def main():
    if sys.argv[1:] == ["--help"]:  # as draccus has it
        print("\n".join(f"  --{name} VALUE" for name in SCHEMA))
        return
    kinds = ("CUDA_", "WANDB_", "ACCELERATE_", "STANDIN_", "OMP_")
    env = {name: value for name, value in os.environ.items() if name.startswith(kinds)}
    record(
        event="start",
        argv=sys.argv[1:],
        cwd=str(pathlib.Path.cwd()),
        gpus=env.get("CUDA_VISIBLE_DEVICES"),
        env=env,
    )
    config = read_config(sys.argv[1:])
    output_dir = pathlib.Path(config["output_dir"])
    if output_dir.is_dir():
        raise FileExistsError(
            f"Output directory {output_dir} already exists and resume is False. "
            "Please change your output directory"
        )
    use_preset(config)
    output_dir.mkdir(parents=True)
    print("INFO Creating dataset", flush=True)
    kinds = {"file": FileRun, None: WandbRun}
    run = (
        kinds[os.environ.get("STANDIN_WANDB") or None](config, output_dir)
        if config["wandb"]["enable"]
        else NoRun()
    )
    try:
        train(config, run)
        if config.get("save_checkpoint"):
            last = output_dir / "checkpoints" / "last" / "pretrained_model"
            last.mkdir(parents=True)
            (last / "train_config.json").write_text(json.dumps(config))
    except KeyboardInterrupt:
        record(event="interrupted")
        raise
    finally:
        run.finish()
        record(event="end", gpus=os.environ.get("CUDA_VISIBLE_DEVICES"))


if __name__ == "__main__":
    main()
