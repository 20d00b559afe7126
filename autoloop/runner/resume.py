"""Going on with a study: what changed since it began, whether it is over, what became of its last jobs."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autoloop.config.knobs import SECTION
from autoloop.config.shipped import Keys, is_shipped_change
from autoloop.engine.inside.notes import EarlyEnd
from autoloop.errors import JournalError
from autoloop.loop.controls import limits_of
from autoloop.loop.due import Limits, PlanRound, Stop, next_step
from autoloop.runner.collect import JobEnd
from autoloop.runner.job_logs import cause
from autoloop.runner.program import changed_files
from autoloop.store.journal import recorded
from autoloop.store.redact import logger, redact_all
from autoloop.store.status import is_running, read_status
from autoloop.study.events import StudyBegun
from autoloop.study.identity import from_exact
from autoloop.study.own_words import own_words
from autoloop.study.record import Study

log: logging.Logger = logger("autoloop")

#: Seconds that the processes of an earlier run get to end: their supervisors end them in less.
_PATIENCE_S = 120.0
_LOOK_S = 0.1  # between two looks whether they have

#: Parts of a study's header that must be as they were, the most telling first.
_COMPARED = ("autoloop", "settings", "objective", "aims", "config")


@dataclass(frozen=True, slots=True)
class Changes:
    """What of a study's settings differs from those it was started with, in words, each once.

    Attributes:
        own: What its user changed.
        shipped: What comes otherwise with this version of autoloop than with the one that began the study.
        code: Files of the program that say something else.
    """

    own: tuple[str, ...] = ()
    shipped: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


def changes_since(header: StudyBegun, now: StudyBegun) -> Changes:
    """Compare how a study began with how this process would begin it.

    Configs are compared as they are written (`autoloop.study.identity.settled`). A study that is older than
    that has its config resolved, and so is the one it is compared with.
    """
    then, here = _hidden(header.as_record(), header), _hidden(recorded(now.as_record()), now)
    before, after = _comparable(then, here)
    own: dict[str, str] = {}
    shipped: dict[str, str] = {}
    for part in _COMPARED:
        for place, old, new in _differences((part,), before.get(part), after.get(part)):
            found = shipped if is_shipped_change(_of_group(place), old, new) else own
            path, tail = ".".join(place), ".".join(_of_group(place))
            found.setdefault(tail, f"{path}: was {_shown(old)}, is {_shown(new)}")
    if len(own) > 1:  # the hash of a config tells nothing that its values do not
        own = {tail: text for tail, text in own.items() if not tail.startswith("starts")}
    files = _files_changed(before, after) if own else ()
    code = changed_files(*(one.identity.code if one.identity else {} for one in (header, now)))
    return Changes((*own.values(), *files), tuple(shipped.values()), tuple(code))


def _of_group(place: Keys) -> Keys:
    """A place in a header without what leads to the config group: ``settings``, ``config.autoloop``."""
    inner = place[1:]
    return inner[1:] if place[:2] == ("config", SECTION) else inner


def _hidden(record: Mapping[str, Any], header: StudyBegun) -> dict[str, Any]:
    """A header as the journal would have it, without what is known today to be a secret."""
    kept: dict[str, Any] = redact_all(record, os.environ, own_words(header.kind))
    return kept


def _comparable(
    header: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Two headers with configs of one kind: as they are written, or resolved where the first has no other."""
    if header.get("identity"):
        return _as_written(header), _as_written(now)
    return header, {**now, "config": recorded(from_exact(now["config"]))}


def _as_written(header: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**header, "config": header["identity"]["config"]}


def _files_changed(header: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Name the config files that say something else than when the study began."""
    before, after = ((one.get("identity") or {}).get("files") or {} for one in (header, now))
    for file, digest in before.items():
        if after.get(file) != digest:
            verb = "says something else" if file in after else "is not read any more"
            yield f"the config file {file} {verb}"


def _differences(place: Keys, old: Any, new: Any) -> Iterator[tuple[Keys, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences((*place, key), old.get(key), new.get(key))
    elif old != new:
        yield place, old, new


def _shown(value: Any) -> str:
    text = repr(from_exact(value))
    return text if len(text) <= 120 else f"{text[:117]}..."


def is_over(study: Study, limits: Limits) -> bool:
    """Return whether a study has come to its end, so that nothing is to be done unless its limits change.

    A study also ends where its strategy had nothing new to propose: asking again would not help. One that a
    user ended goes on where its limits are others than then.
    """
    if study.stopped is None:
        return False
    same = study.stopped.limits in (None, limits_of(study, limits).recorded())
    if study.controls.ending:
        return same
    step = next_step(study, limits)
    return isinstance(step, Stop) or (isinstance(step, PlanRound) and same)


def end_of_earlier(run_dir: Path, pause: Callable[[float], None] = time.sleep) -> JobEnd:
    """Return what became of a job that was running when an earlier process ended.

    A job whose processes still run is waited for: its supervisor is about to end it; one without a supervisor
    comes to its own end, however long that takes. One that never began must not do so later.

    Args:
        run_dir: Directory of the job.
        pause: Called with seconds to wait.

    Raises:
        JournalError: A process of it does not end.
    """
    waited_s = 0.0
    while is_running(status := read_status(run_dir)):
        if waited_s == 0.0:
            log.info("waiting for the job in %s, which an earlier process started, to end", run_dir)
        if waited_s >= _PATIENCE_S and status and "supervisor_pid" in status:
            raise JournalError(
                f"the job in {run_dir}, which an earlier process started, still runs; end it first"
            )
        pause(_LOOK_S)
        waited_s += _LOOK_S
    if status is None:
        EarlyEnd("interrupted", "the study gave this job up before it began").write(run_dir)
    return _end(JobEnd.read(run_dir), status)


def interrupt_jobs(run_dirs: Iterable[Path]) -> None:
    """Pass Ctrl-C on to jobs that run on this machine without a supervisor."""
    for run_dir in run_dirs:
        status = read_status(run_dir) or {}
        if is_running(status) and "supervisor_pid" not in status and status["pid"] != os.getpid():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(status["pid"], signal.SIGINT)


def resources_in(status: Mapping[str, Any]) -> dict[str, float]:
    """What a supervisor wrote down that it measured of its job."""
    found = status.get("resources")
    kept = found.items() if isinstance(found, Mapping) else ()
    return {str(name): float(value) for name, value in kept if isinstance(value, int | float)}


def _end(own: JobEnd | None, status: Mapping[str, Any] | None) -> JobEnd:
    """Put together what a job and its supervisor wrote down."""
    if status is None or status.get("state") != "ended":
        return own or JobEnd(True, ended_by="interrupted")
    facts: dict[str, Any] = {
        "started_at": status.get("started_at"),
        "slot": status.get("slot"),
        "gpus": tuple(map(str, status.get("gpus") or ())),
    }
    asked_at = status.get("asked_to_end_at")
    if own and own.ended_at and asked_at and own.ended_at <= asked_at:
        return replace(own, **facts)  # its task had come to its own end before it was asked to
    facts |= {"exit_code": status.get("exit_code"), "signal": status.get("signal")}
    ended_by = status.get("ended_by")
    failed = bool(ended_by or facts["signal"] or facts["exit_code"] or (own and own.failed))
    error = (own.error if own else "") or cause(str(status.get("error") or ""))
    facts |= {"failed": failed, "error": error, "ended_by": ended_by, "ended_at": status.get("ended_at")}
    returned = own or JobEnd(failed)
    return JobEnd(
        **facts,
        return_value=returned.return_value,
        results=returned.results,
        returned=returned.returned,
        several=returned.several,
        resources=resources_in(status),
    )
