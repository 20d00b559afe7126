"""The process of a job, from the fork to its exit code."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import json
import os
import pickle
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

from autoloop.engine.execute import seeds
from autoloop.engine.execute.inherited import disown_exit_handlers
from autoloop.engine.execute.processes import die_with_parent
from autoloop.engine.execute.reports import DIRECTORY, ERROR, SECRETS, VALUE, ReportWriter
from autoloop.engine.execute.values import Assignment, Reply
from autoloop.store.redact import keep_secrets_of, redact

LOG_NAME = "job.log"

#: Characters of an error's text that a job tells its supervisor.
MOST_ERROR = 1 << 16

#: Exit code of a job that an unhandled exception, or Ctrl-C, ended.
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130

#: The pipe to the supervisor, in a job's process only.
_reports: ReportWriter | None = None

#: Where the output of a job's process goes: what it is, and its path as far as it has one.
_log: tuple[os.stat_result, str | None] | None = None
#: Seconds after which the log names the threads that the end of a job waits for.
_PATIENCE_S = 10.0


def enter_job_dir(path: str) -> None:
    """Tell the supervisor where this job works and send its output to ``<path>/job.log``.

    Creates the directory. For calls whose request could not name the directory, because only
    composing the job's config tells it. Outside a job's process this does nothing.
    """
    if _reports is None:
        return
    job_dir = Path(path).absolute()
    job_dir.mkdir(parents=True, exist_ok=True)
    _flush()
    log = open_log(str(job_dir))
    with contextlib.suppress(OSError):  # the main program may have closed it
        os.lseek(1, 0, os.SEEK_SET)
        while early := os.read(1, 1 << 16):
            os.write(log, early)
    _redirect_output(log, str(job_dir / LOG_NAME))
    os.close(log)
    _reports.send(DIRECTORY, os.fsencode(job_dir))


def hide_secrets_of(config: Any) -> None:
    """Let neither this job nor its supervisor write down what a config calls a password, a token, a key.

    Args:
        config: Plain dicts and lists, interpolations unresolved.
    """
    found = keep_secrets_of(config)
    if found and _reports is not None:
        _reports.send(SECRETS, json.dumps(found).encode())


def is_supervised() -> bool:
    """Return whether this process is a job's, with a supervisor that watches it."""
    return _reports is not None


def open_log(job_dir: str) -> int:
    """Open ``job.log`` in ``job_dir`` for appending and return its descriptor."""
    return os.open(Path(job_dir) / LOG_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def run_assignment(
    assignment: Assignment, reports: ReportWriter, output_fd: int, supervisor: int
) -> NoReturn:
    """Become the job: never returns to the supervisor's code it was forked from.

    Args:
        assignment: What to run.
        reports: The pipe to the supervisor.
        output_fd: Where standard output and standard error go.
        supervisor: Process id of the supervisor, without which this process must not live.
    """
    global _reports
    exit_code = EXIT_FAILED
    try:
        os.setpgid(0, 0)
        die_with_parent(supervisor)
        disown_exit_handlers()
        log = assignment.job_dir and str(Path(assignment.job_dir) / LOG_NAME)
        _redirect_output(output_fd, log)
        _reset_signals()
        _enter_environment(assignment)
        if assignment.argv is not None:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.execvpe(assignment.argv[0], assignment.argv, assignment.env)
        _reports = reports
        exit_code = _run_call(assignment.call or b"", reports)
    except BaseException as error:  # noqa: BLE001  the border of a job: recorded, then its process ends
        exit_code = _record(error, reports)
    finally:
        exit_code = _finish(exit_code)
        os._exit(exit_code)


def _run_call(call: bytes, reports: ReportWriter) -> int:
    from autoloop.engine.execute import pickling

    result = pickle.loads(call)()
    reply = result if isinstance(result, Reply) else Reply(result)
    if reply.error:
        reports.send(ERROR, _error_bytes(reply.error))
    value = pickling.dumps(reply.value)
    try:
        reports.send(VALUE, value)
    except OSError as error:  # the job has done its work
        log_text(f"autoloop: the return value is lost: {error}\n")
    return reply.exit_code


def _record(error: BaseException, reports: ReportWriter) -> int:
    """Print and report what ended the call; return the exit code."""
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        log_text(f"{error.code}\n")
        return EXIT_FAILED
    log_text(traceback.format_exc())
    with contextlib.suppress(OSError):
        reports.send(ERROR, _error_bytes(last_line(error)))
    return EXIT_INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXIT_FAILED


def _error_bytes(error: str) -> bytes:
    """An error's text for the supervisor, without secrets and of bounded length."""
    return redact(error, os.environ)[:MOST_ERROR].encode(errors="replace")


def last_line(error: BaseException) -> str:
    """Return an exception as the last lines of its traceback show it: ``ValueError: no such key``."""
    return "".join(traceback.format_exception_only(type(error), error)).strip()


def _finish(exit_code: int) -> int:
    """Do what the interpreter does at its end: wait for threads, run the job's own exit handlers, flush."""
    try:
        _report_threads()
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:  # noqa: BLE001  an exit handler failed: its traceback belongs into the log
        log_text(traceback.format_exc())
        exit_code = exit_code or EXIT_FAILED
    _flush()
    return exit_code & 0xFF


def _report_threads() -> None:
    """Say in the log, after a while, which threads the job's end waits for, as Python does for ever."""
    main = threading.main_thread()
    if all(thread is main or thread.daemon for thread in threading.enumerate()):
        return

    def report() -> None:
        waited = [one.name for one in threading.enumerate() if one is not main and not one.daemon]
        if waited:
            print(
                f"autoloop: the task has returned; its end waits for threads: {', '.join(waited)}", flush=True
            )

    timer = threading.Timer(_PATIENCE_S, report)
    timer.daemon = True
    timer.start()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def log_text(text: str) -> None:
    """Write into the log of this job, also where its task has closed standard error or put a file there."""
    if _log is None:
        print(text, file=sys.stderr, end="")
        return
    _flush()
    log, path = _log
    with contextlib.suppress(OSError):
        if os.path.samestat(os.fstat(2), log):
            os.write(2, text.encode(errors="backslashreplace"))
            return
    with contextlib.suppress(OSError):
        if path:
            with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)


def _redirect_output(fd: int, path: str | None) -> None:
    global _log
    _log = os.fstat(fd), path
    os.dup2(fd, 1)
    os.dup2(fd, 2)


def _reset_signals() -> None:
    """Undo what the zygote and the supervisor set up for themselves."""
    signal.set_wakeup_fd(-1)
    for signum in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # SLURM warns with it of a time limit, whole steps at once
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _enter_environment(assignment: Assignment) -> None:
    os.environ.clear()
    os.environ.update(assignment.env)
    os.chdir(assignment.cwd)
    sys.argv = list(assignment.argv0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  descriptors, not paths
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    faulthandler.enable()
    _refresh_libraries()


def _refresh_libraries() -> None:
    """Give libraries that the zygote has loaded the job's own random state and thread count."""
    seeds.renew()
    loaded: dict[str, Any] = dict(sys.modules)
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if "torch" in loaded and threads.isdigit():
        loaded["torch"].set_num_threads(int(threads))
