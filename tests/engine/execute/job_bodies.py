"""What the jobs of these tests do; imported by the jobs, so it stays light."""

import atexit
import ctypes
import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from logging.handlers import MemoryHandler
from multiprocessing import get_context, util
from pathlib import Path

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def give(value):
    return value


def sleep(seconds, value=None):
    time.sleep(seconds)
    return value


def fail():
    raise ValueError("no such thing")


def leave(code):
    sys.exit(code)


def drop(code):
    os._exit(code)


def crash():
    ctypes.string_at(0)


def be_killed():
    print("ValueError: handled long ago", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def want_too_much():
    return bytearray(1 << 60)


def hang():
    time.sleep(600)


def ignore_signals(path):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)


def tidy_up(started, saved):
    """Write a file on the first SIGINT and end well."""
    try:
        Path(started).touch()
        time.sleep(600)
    except KeyboardInterrupt:
        Path(saved).write_text("all rows")
    return "saved"


def environment(*names):
    return {name: os.environ.get(name) for name in names}


def set_variable(name, value):
    os.environ[name] = value
    return os.getpid()


def print_lines(count, pause_s):
    for number in range(count):
        print("line", number, flush=True)
        time.sleep(pause_s)


def leave_worker(path):
    """Start a worker in a session of its own, as torchrun does, and end without it."""
    worker = subprocess.Popen(SLEEPER, start_new_session=True)
    Path(path).write_text(str(worker.pid))


def leave_daemon(path):
    """Fork twice, so that the grandchild is nobody's child, and end without it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            Path(path).write_text(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    wait_for(path)


def worker_and_hang(path):
    leave_worker(path)
    time.sleep(600)


def wait_for(path):
    while not Path(path).exists() or not Path(path).read_text():
        time.sleep(0.01)


def random_numbers():
    import random

    import numpy as np

    return random.random(), float(np.random.rand())


def train_with_workers(path):
    """Load a batch by DataLoader workers, note their pids, and hang."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(torch.arange(8.0)), batch_size=2, num_workers=2)
    batches = iter(loader)
    total = float(next(batches)[0].sum())
    pids = " ".join(str(worker.pid) for worker in batches._workers)
    Path(path).write_text(pids)
    if path.endswith("hang"):
        time.sleep(600)
    return total + sum(float(batch.sum()) for (batch,) in batches)


def log_to_wandb(directory, note):
    """Log rows to W&B, offline, and hang."""
    import wandb

    wandb.init(mode="offline", dir=directory, project="test")
    for step in range(50):
        wandb.log({"marked_metric": 1000.5 + step})
    Path(note).write_text("logged")
    time.sleep(600)


def give_shared():
    from autoloop.engine.execute.zygote import shared

    return shared()


def give_bytes(size):
    return b"x" * size


def import_and_give(module):
    return importlib.import_module(module).__name__


def divide(number):
    return 1 / number


class Unloadable:
    """Pickles well and cannot be unpickled."""

    def __reduce__(self):
        return divide, (0,)


def see_what_an_import_set_up():
    from tests.engine.execute.sets_up_at_import import DIRECTORIES

    return [str(directory) for directory in DIRECTORIES if directory.is_dir()]


def see_and_hang(path):
    Path(path).write_text("\n".join(see_what_an_import_set_up()))
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        Path(path).write_text("\n".join(see_what_an_import_set_up()))


def end_in_every_way(directory):
    """Register something in each way Python offers to do it at the end of a process."""
    directory = Path(directory)

    def leave(name):
        (directory / name).touch()

    def leave_late(name):
        time.sleep(0.2)
        leave(name)

    class Anything:
        pass

    global anything
    anything = Anything()
    weakref.finalize(anything, leave, "finalize")
    atexit.register(leave, "atexit")
    util.Finalize(None, leave, ("multiprocessing",), exitpriority=1)
    threading.Thread(target=leave_late, args=("thread",)).start()
    get_context("fork").Process(target=leave_late, args=("process",)).start()
    log = logging.FileHandler(directory / "log")
    logging.getLogger().addHandler(MemoryHandler(capacity=9, flushLevel=60, target=log))
    logging.getLogger().error("logged")
    print("printed", end="")


def return_with_a_thread_that_never_ends():
    from autoloop.engine.execute import child

    child._PATIENCE_S = 0.2
    threading.Thread(target=threading.Event().wait, name="forgotten").start()
    return 1
