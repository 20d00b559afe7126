"""Programs that start at once: forks of a Python that has imported what most studies need.

A study of two short jobs spends most of its time on imports. Tests start hundreds, so those that do not test
the start itself let one process import Hydra and autoloop, and fork from it. From its first line on a fork is
a process like any other: its own arguments, environment, directory, output and exit code. What it inherits
are loaded modules and the parser's tables, nothing that Hydra or a study keeps.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from tests.helpers.places import ROOT

#: What is imported before the first fork; none of it keeps a state that a program would not find otherwise.
MODULES = (
    "autoloop.engine.execute.hydra_job",
    "autoloop.engine.inside.body",
    "autoloop.runner.study_runner",
    "autoloop.views.report",
    "hydra_plugins.autoloop._sweep",
    "hydra_plugins.hydra_joblib_launcher._core",
    "tests.helpers.wandb_file",
)
#: One of each kind, so that the parser has its tables.
OVERRIDES = ("a=1", "+b/c@d=e", "~f", "g=[1,2.5,'x']", "h={a:1,b:null}", "i=1,2", "j=choice(1,2)", 'k="l m"')
PATIENCE_S = 240.0


class Program:
    """A program that runs, with what tests use of `subprocess.Popen`.

    Args:
        pid: Its process id.
        end: Where its exit code will come.
        files: What it writes, standard output first.

    Attributes:
        pid: Its process id.
        returncode: Its exit code, minus the signal that ended it; None while it is not known.
    """

    def __init__(self, pid: int, end: socket.socket, files: Sequence[IO[bytes]]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = end
        self._files = files

    def wait(self, timeout: float = PATIENCE_S) -> int:
        """Wait for its end; return its exit code."""
        if self.returncode is None:
            self._end.settimeout(timeout)
            try:
                self.returncode = int(self._end.recv(64))
            except TimeoutError:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout) from None
            self._end.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(1e-4)
        return None

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end, unless it has ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = PATIENCE_S) -> list[str]:
        """Wait for its end; return what it wrote, and what of it as errors if that was kept apart."""
        self.wait(timeout)
        texts = []
        for file in self._files:
            file.seek(0)
            texts.append(file.read().decode())
        self.close()
        return [*texts, ""][:2]

    def close(self) -> None:
        """Kill it, unless it has ended, and let go of what it wrote."""
        self.kill()
        self.wait()
        for file in self._files:
            file.close()
        self._files = ()


def start(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    merged: bool = False,
    new_session: bool = False,
    largest_file: int | None = None,
) -> Program:
    """Start ``python SCRIPT ...`` or ``python -m MODULE ...``; it reads nothing.

    Args:
        command: The words, `sys.executable` the first.
        cwd: Its directory, if it is another one.
        env: Its environment, if it is another one.
        output: Where it writes all; if None, to where `Program.communicate` reads it.
        merged: Whether errors go to where all else goes.
        new_session: Whether it leads a session of its own.
        largest_file: Bytes of the largest file that it and what it starts can make.
    """
    assert command[0] == sys.executable and command[1] != "-c", "only programs of Python are warm"
    request = {"command": list(command), "cwd": str(cwd or Path.cwd()), "session": new_session}
    request["largest_file"] = largest_file
    files = [] if output else [tempfile.TemporaryFile() for _ in range(1 if merged else 2)]  # noqa: SIM115
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, tempfile.TemporaryFile() as body:
        body.write(json.dumps({**request, "env": dict(os.environ if env is None else env)}).encode())
        body.seek(0)
        outputs = [output] if output else files
        passed = [body, theirs, outputs[0], outputs[-1]]
        socket.send_fds(_server(), [b"!"], [file.fileno() for file in passed])
    ours.settimeout(PATIENCE_S)
    return Program(int(ours.recv(64)), ours, files)


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    merged: bool = False,
    check: bool = False,
    largest_file: int | None = None,
    timeout: float = PATIENCE_S,
) -> subprocess.CompletedProcess[str]:
    """Run such a command to its end; see `start`.

    Raises:
        subprocess.CalledProcessError: It failed, and ``check`` forbids that.
        subprocess.TimeoutExpired: It took longer than ``timeout`` seconds, and was killed.
    """
    program = start(command, cwd=cwd, env=env, merged=merged, largest_file=largest_file)
    try:
        output, errors = program.communicate(timeout)
    finally:
        program.close()
    done = subprocess.CompletedProcess(list(command), program.wait(), output, errors)
    if check:
        done.check_returncode()
    return done


@cache
def _server() -> socket.socket:
    """The process that forks, one for each process that tests run in; it ends with that."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    boot = f"from tests.helpers import warm; warm.become(*warm.serve({theirs.fileno()}))"
    env = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    env |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", boot]
    with theirs:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def serve(number: int) -> tuple[dict, list[int]]:
    """Fork for each request on a socket, and exit when it closes; return in a fork, with its request."""
    requests = socket.socket(fileno=number)
    for name in MODULES:
        importlib.import_module(name)
    _fill_parser()
    gc.collect()
    gc.freeze()
    running: dict[int, socket.socket] = {}
    requests.settimeout(0.01)
    while True:
        _reap(running)
        try:
            told, files, _, _ = socket.recv_fds(requests, 1, 4)
        except TimeoutError:
            continue
        if not told:
            sys.exit(0)
        pid = os.fork()
        if not pid:
            requests.close()
            for end in running.values():
                end.close()
            with os.fdopen(files[0]) as body:
                return json.load(body), files[1:]
        end = socket.socket(fileno=files[1])
        end.send(str(pid).encode())
        running[pid] = end
        for descriptor in (files[0], *files[2:]):
            os.close(descriptor)


def become(request: dict, files: Sequence[int]) -> None:
    """Be the program that was asked for."""
    if request["session"]:
        os.setsid()
    if size := request["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    os.close(files[0])
    for descriptor, place in zip(files[1:], (1, 2), strict=True):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    random.seed()
    sys.orig_argv = request["command"]
    words = request["command"][1:]
    paths = [path for path in request["env"].get("PYTHONPATH", "").split(os.pathsep) if path]
    installed = [path for path in sys.path if path and path != str(ROOT)]
    if words[0] == "-m":
        sys.argv = words[1:]
        sys.path[:] = [request["cwd"], *paths, *installed]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path[:] = [str(Path(words[0]).resolve().parent), *paths, *installed]
        runpy.run_path(words[0], run_name="__main__")


def _reap(running: dict[int, socket.socket]) -> None:
    """Tell of each program that has ended how it did."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as end, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            end.send(str(os.waitstatus_to_exitcode(status)).encode())


def _fill_parser() -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    OverridesParser.create().parse_overrides(list(OVERRIDES))
