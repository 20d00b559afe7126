"""A Hydra app for tests of whole studies: trains in milliseconds, or ends in the way it is told to."""

import faulthandler
import math
import os
import signal
import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tests.helpers.wandb_file import exit_record, log, row, run

CONF = Path(__file__).with_name("conf")


HOSTILE = "\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>|`**\u202e"


def train(cfg, loss_at_end=None, also=()):
    """Write a W&B history of a falling loss, and of metrics of other names, and return its last value."""
    losses = [cfg.x * (1 + 1 / step) for step in range(1, 11)]
    if loss_at_end is not None:
        losses[-1] = loss_at_end
    rows = [row(step, {"train/loss": loss, **dict.fromkeys(also, loss)}) for step, loss in enumerate(losses)]
    time.sleep(cfg.sleep_s)
    log(job_dir(), [run(f"job{HydraConfig.get().job.num}"), *rows, exit_record()])
    return losses[-1]


def raise_error(cfg):
    raise ValueError("the data \x1b[31mis\x1b[0m bad")


def hang(cfg):
    while True:
        time.sleep(0.05)


def say_nothing(cfg):
    (job_dir() / "began").write_text("yes")
    print("one word", flush=True)
    hang(cfg)


def close_all(cfg):
    """Close every descriptor, as daemons do, and open files by their numbers, which nobody else may write."""
    train(cfg)
    os.closerange(0, 4096)
    for number in range(30):
        os.open(job_dir() / f"mine{number}", os.O_RDWR | os.O_CREAT)
    print("into a file of mine")


def print_long_line(cfg):
    print(",".join(f"https://data.example.org/{number:06}.tar" for number in range(30_000)))
    return train(cfg)


def leave_odd_notes(cfg):
    """Put what would keep a reader waiting in the place of what is read when a job has ended."""
    train(cfg)
    os.mkfifo(job_dir() / "ended_early.json")
    for name in ("job.log", "wandb_runs.jsonl"):
        (job_dir() / name).unlink()
        (job_dir() / name).symlink_to("/dev/zero")


def segfault(cfg):
    faulthandler.enable()  # as many frameworks do: it leaves a dump at the end of the log
    os.kill(os.getpid(), signal.SIGSEGV)


def kill(cfg):
    print("ValueError: handled long ago", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def out_of_memory(cfg):
    if cfg.batch_size > 4:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
    return train(cfg)


def out_of_memory_below(cfg):
    """Die as a launcher does whose trainer ran out of memory: the reason is further up in the log."""
    print("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB", flush=True)
    raise RuntimeError("the trainer ended with exit code 1")


def memory_error(cfg):
    raise MemoryError


def break_history(cfg):
    train(cfg)
    for path in job_dir().glob("wandb/*/run-*.wandb"):
        path.write_bytes(path.read_bytes()[:40] + b"\xff" * 200)


def remove_job_dir(cfg):
    import shutil

    shutil.rmtree(job_dir())


def spill_secret(cfg):
    key = os.environ["WANDB_API_KEY"]
    print(f"logging in with {key}", flush=True)
    raise RuntimeError(f"the server refused the key {key}")


def tell_key(cfg):
    """Die without last words, a secret of the config at the end of the log."""
    print(f"logging in with {cfg.api_key}", flush=True)
    os._exit(4)


def be_hostile(cfg):
    """Log, print and raise what a terminal, Markdown or HTML would obey."""
    train(cfg, also=[HOSTILE])
    print(HOSTILE, flush=True)
    raise RuntimeError(HOSTILE)


def need_key(cfg):
    """Train only with the real key."""
    assert cfg.key == os.environ["WANDB_API_KEY"]
    return train(cfg)


def lose_supervisor(cfg):
    os.kill(os.getppid(), signal.SIGKILL)
    hang(cfg)


def eat_memory(cfg):
    """Move into a small memory cgroup and outgrow it."""
    Path(os.environ["TEST_MEMORY_GROUP"], "cgroup.procs").write_text(str(os.getpid()))
    held = []
    while len(held) < 400:
        held.append(b"x" * (1 << 20))


WAYS = {
    "train": train,
    "nothing": lambda cfg: None,
    "close_all": close_all,
    "return_much": lambda cfg: {"loss": 1.0, "all": "x" * (20 << 20), "last": train(cfg) and "none"},
    "long_line": print_long_line,
    "odd_notes": leave_odd_notes,
    "raise": raise_error,
    "exit": lambda cfg: sys.exit(3),
    "exit_0": lambda cfg: (train(cfg), sys.exit(0)),
    "drop": lambda cfg: os._exit(4),
    "segfault": segfault,
    "kill": kill,
    "hang": hang,
    "say_nothing": say_nothing,
    "diverge": lambda cfg: train(cfg, loss_at_end=math.nan),
    "oom": out_of_memory,
    "oom_below": out_of_memory_below,
    "memory_error": memory_error,
    "broken_history": break_history,
    "no_dir": remove_job_dir,
    "secret": spill_secret,
    "tell_key": tell_key,
    "hostile": be_hostile,
    "need_key": need_key,
    "lose_supervisor": lose_supervisor,
    "eat_memory": eat_memory,
}


def job_dir():
    """Return the directory of this job."""
    return Path(HydraConfig.get().runtime.output_dir)


def is_first_try(cfg):
    """Whether no other job with this ``x`` has come this far; remembered in the study's directory."""
    note = Path(HydraConfig.get().sweep.dir) / f".tried_{cfg.x}"
    try:
        note.open("x").close()
    except FileExistsError:
        return False
    return True


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(cfg: DictConfig):
    ran = Path(HydraConfig.get().sweep.dir) / ".ran"
    with ran.open("a") as file:
        file.write(f"{HydraConfig.get().job.num}\n")
    do = "train" if cfg.once and not is_first_try(cfg) else cfg.do
    return WAYS[do](cfg)


if __name__ == "__main__":
    main()
