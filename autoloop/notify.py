"""Telling the outside world: one JSON line for each event worth a message, given to a command of the user's."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from typing import IO, Any

from autoloop.errors import ConfigError, did_you_mean
from autoloop.loop import failures_in_a_row
from autoloop.redact import redact
from autoloop.report import text
from autoloop.report.facts import Facts, counted, fired, log_path, states, stop_reason
from autoloop.study import Event, Job, Study
from autoloop.trials import TrialState

log = logging.getLogger("autoloop")

RECORD = "notifications.jsonl"
KEYS = ("command", "timeout_s", "failures")

_TAIL = 500  # characters of a command's output that are kept


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Whom to tell.

    Attributes:
        command: A line for ``sh``, or a program and its arguments; None for nobody. It finds the JSON line on
            its standard input.
        timeout_s: Seconds it may take.
        failures: So many failed jobs in a row are worth a message.
    """

    command: str | tuple[str, ...] | None = None
    timeout_s: float = 10.0
    failures: int = 3

    @classmethod
    def read(cls, given: Any) -> NotifySettings:
        """Read ``hydra.sweeper.notify``.

        Raises:
            ConfigError: A key is not known, or its value cannot be used.
        """
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise ConfigError(f"notify={given!r} is not a mapping; to name a command, set notify.command")
        for key in given:
            if key not in KEYS:
                raise ConfigError(f"notify has no key {key!r}{did_you_mean(str(key), KEYS)} (it has {', '.join(KEYS)})")
        return cls(
            command=_command(given.get("command")),
            timeout_s=float(_number(given, "timeout_s", 10.0)),
            failures=math.ceil(_number(given, "failures", 3)),
        )

    @property
    def argv(self) -> list[str]:
        """The program to start."""
        if isinstance(self.command, str):
            return ["/bin/sh", "-c", self.command]
        return list(self.command or ())


def _command(value: Any) -> str | tuple[str, ...] | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise ConfigError(f"notify.command={value!r} is neither a line for the shell nor a list of words")


def _number(given: Mapping[str, Any], name: str, default: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"notify.{name}={value!r} is not a number above 0")
    return value


def messages(event: Event, study: Study, study_dir: str, failures: int) -> list[dict[str, Any]]:
    """What an event is worth telling, as plain values that JSON can hold.

    ``round_end`` when a round is decided, ``failure_streak`` when so many jobs failed in a row (again at each
    multiple), ``winner`` when the study ends with a result, ``no_winner`` when it ends without.

    Args:
        event: The event.
        study: The study, with the event taken into account.
        study_dir: Its directory.
        failures: How many failed jobs in a row are worth a message.
    """
    told: dict[str, Any] = {}
    kind = event["event"]
    if kind == "decisions":
        told = _round_end(event, Facts(study))
    elif kind == "trial" and study.jobs[event["job"]].state in (TrialState.FAILED, TrialState.TIMEOUT):
        streak = failures_in_a_row(study)
        told = _failure_streak(Facts(study), event["job"], streak) if streak % failures == 0 else {}
    elif kind == "stop":
        told = _end(event, Facts(study))
    if not told:
        return []
    head = {"event": told.pop("event"), "time": event["time"], "study": study_dir}
    task = study.header.get("task")
    said = text.clean(f"{task or 'study'} {Path(study_dir).name}: {told.pop('text')}")
    return [{**head, "task": task, **told, "text": said}]


def _round_end(event: Event, facts: Facts) -> dict[str, Any]:
    number = event["round"]
    jobs = facts.rounds.get(number, [])
    proposals = [f"{found['rule']} on {found['trial']}: {found['reason']}" for found in fired(event["decisions"])]
    best = f"; best so far: {_said(facts.best, facts)}" if facts.best else ""
    return {
        "event": "round_end",
        "round": number,
        "rounds": (facts.study.header.get("limits") or {}).get("rounds"),
        "jobs": _counts(jobs),
        "metric": facts.metric,
        "best": _result(facts),
        "proposals": proposals,
        "text": f"round {number} ended ({states(jobs)}){best}; {counted(len(proposals), 'proposal')}",
    }


def _failure_streak(facts: Facts, number: int, streak: int) -> dict[str, Any]:
    job = facts.study.jobs[number]
    return {
        "event": "failure_streak",
        "failures": streak,
        "job": number,
        "name": job.name,
        "error": job.error,
        "log": log_path(job),
        "text": f"{counted(streak, 'job')} failed in a row, the last is {job.name}: {job.error}",
    }


def _end(event: Event, facts: Facts) -> dict[str, Any]:
    best = facts.best
    won = f"the winner is {_said(best, facts)}" if best else "no job has a result"
    return {
        "event": "winner" if best else "no_winner",
        "reason": event.get("reason", ""),
        "failed": bool(event.get("failed")),
        "jobs": _counts(facts.jobs),
        "metric": facts.metric,
        "best": _result(facts),
        "command": facts.command(best) if best else None,
        "text": f"the study is over ({stop_reason(event)}): {won}",
    }


def _counts(jobs: list[Job]) -> dict[str, int]:
    ended = [job.state.value for job in jobs if job.state]
    return {state: ended.count(state) for state in dict.fromkeys(ended)}


def _result(facts: Facts) -> dict[str, Any] | None:
    best = facts.best
    if best is None:
        return None
    change = facts.change(best, facts.baseline)
    gain = change.gain_pct if change and math.isfinite(change.pct) else None
    return {"job": best.job, "name": best.name, "objective": best.objective, "gain_pct": gain}


def _said(best: Job, facts: Facts) -> str:
    change = facts.change(best, facts.baseline)
    gain = f" ({text.percent(change.pct)} against the baseline)" if change else ""
    return f"{best.name} with {facts.metric} {text.number(best.objective)}{gain}"


class Notifier:
    """Runs the user's command for each message, one after the other, in a thread of its own.

    What became of each message is a line in ``notifications.jsonl`` of the study; a command that fails, hangs
    or does not exist is a warning and never more. Leaving waits until all messages are out.

    Args:
        settings: Whom to tell.
        study_dir: The study's directory.
    """

    def __init__(self, settings: NotifySettings, study_dir: Path) -> None:
        self._settings = settings
        self._study_dir = study_dir
        self._messages: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="autoloop notify", daemon=True)

    def __enter__(self) -> Notifier:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._messages.put(None)
        self._thread.join()

    def on_event(self, event: Event, study: Study) -> None:
        """Take an event of the journal; returns at once."""
        try:
            for message in messages(event, study, str(self._study_dir.resolve()), self._settings.failures):
                self._messages.put(message)
        except Exception:  # the border of an onlooker
            log.exception("the %s event could not be told of", event.get("event"))

    def _run(self) -> None:
        while (message := self._messages.get()) is not None:
            problem = tell(self._settings, redact(json.dumps(message), os.environ))
            if problem:
                log.warning("notify.command failed on %s: %s", message["event"], problem)
            self._record({"time": round(time.time(), 3), "problem": problem, "message": message})

    def _record(self, entry: dict[str, Any]) -> None:
        line = redact(json.dumps(entry, ensure_ascii=False), os.environ) + "\n"
        try:
            with (self._study_dir / RECORD).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(line)
        except OSError as error:
            log.warning("cannot write %s: %s", self._study_dir / RECORD, error.strerror or error)


def tell(settings: NotifySettings, line: str) -> str:
    """Run the command with one line on its standard input; return what went wrong, empty if nothing did."""
    with TemporaryFile() as given, TemporaryFile() as output:  # pipes would wait for whoever keeps them open
        given.write(line.encode() + b"\n")
        given.seek(0)
        try:
            process = subprocess.Popen(
                settings.argv,
                stdin=given,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the study, a time-out for all that the command started
            )
        except OSError as error:
            return f"{settings.argv[0]}: {error.strerror or error}"
        try:
            code = process.wait(settings.timeout_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"it took longer than {settings.timeout_s:g} s (notify.timeout_s) and was ended"
        return "" if code == 0 else f"exit code {code}{_end_of(output)}"


def _end_of(output: IO[bytes]) -> str:
    """The last characters that a command printed, after a colon; empty if there are none."""
    output.seek(max(0, output.seek(0, os.SEEK_END) - _TAIL))
    said = text.clean(output.read().decode(errors="replace").strip())
    return f": {said}" if said else ""
