"""The events of a study's journal: one class for each kind, read from its lines and written back.

An event is a JSON object with ``event`` (its kind), ``v`` (the version of what it says) and ``time`` (seconds
since the epoch); what else is in it are the fields of its class, in their order. Journals of older versions
lack some fields, which then have their defaults; fields of newer ones that are not known are passed over. The
kinds, in the order they appear:

``study``      first line: version, command, settings, rules as configured
``round``      a round is planned: its variants (each with its job number) and the proposals refused
``job``        a job is about to start in a slot
``placed``     an engine that outlives this process has taken a job, or started it again in a new run dir
``trial``      a job ended: state, summary, where its log is
``stopping``   a stop rule wants a running job ended, and why
``probed``     how the probes of the learning rate compare at the step they are judged at, and which goes on
``objective``  what the first results show the study to be judged by, and the value of each job that ended
``decisions``  the decisions of rules on the jobs that ended, by round
``requeue``    a job that was interrupted, or failed and may be tried again, gets a new number and run dir
``closing``    the search is over, and why; what follows only measures what it found
``stop``       the study ended, and why
``resume``     a later process went on with the study
``control``    a request of a user to the running study, and its outcome

Nothing here reads a file or a clock: `autoloop.store.journal` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, cast

from autoloop.curves.aims import Aims
from autoloop.curves.objective import Objective
from autoloop.errors import ConfigError, JournalError
from autoloop.study.alike import nan_is_nan
from autoloop.study.decisions import Decision, Refusal
from autoloop.study.fields import (
    FLAT,
    LEFT_OUT,
    FieldError,
    coded,
    moment,
    plain_data,
    read_fields,
    run_dir_within,
    write_fields,
)
from autoloop.study.plans import Plan
from autoloop.study.trials import TrialState

VERSION = 1
"""The version of the events of this autoloop; no other is read."""


def _unchanged(value: Any) -> Any:
    return value


MOMENT = coded(moment, _unchanged)
"""Metadata of a field that is a time."""


def _summary(found: Any) -> Mapping[str, Mapping[str, Any]]:
    """Metric -> its numbers by name; null for one that is not finite."""
    if not isinstance(found, Mapping) or not all(map(_is_numbers, found.values())):
        raise FieldError("a mapping from metrics to their numbers by name", found)
    return cast("Mapping[str, Mapping[str, Any]]", plain_data(found))


def _is_numbers(one: Any) -> bool:
    if not isinstance(one, Mapping):
        return False
    parts = one.values()
    return _NUMBERS.issuperset(map(type, parts)) or all(map(_is_number, parts))


_NUMBERS = frozenset((int, float, type(None)))  # as JSON has them


def _is_number(part: Any) -> bool:
    return part is None or (isinstance(part, int | float) and not isinstance(part, bool))


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events have.

    Attributes:
        kind: The word that a line of the journal has for it.
        time: Seconds since the epoch; the journal sets it. NaN before.
    """

    kind: ClassVar[str]
    time: float = field(default=math.nan, metadata=MOMENT)

    def as_record(self) -> dict[str, Any]:
        """The event as its line of the journal has it, its fields in order."""
        return {"event": self.kind, "v": VERSION, **write_fields(self)}


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedObjective:
    """What was assumed of the objective, since the user did not set it.

    Attributes:
        why: What the assumption is based on, as a clause.
        open: Whether the first results are still to decide.
    """

    why: str = ""
    open: bool = False


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a study's configuration is made of.

    Attributes:
        config: The config as it is written, interpolations unresolved; see `autoloop.study.identity`.
        files: Path of each config file -> hash of its content.
        knobs: Keys at the top of the config that are the study's, not the app's; None in journals older than
            that.
        code: Path of each file of the program -> hash of its content, as `autoloop.runner.program` finds
            them; empty in older journals.
    """

    config: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    knobs: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)
    code: Mapping[str, str] = field(default_factory=dict, metadata=LEFT_OUT)


def _without_why(objective: Objective | None) -> dict[str, Any] | None:
    """An objective as the first line has it: the reason is a field of its own there."""
    if objective is None:
        return None
    return {name: item for name, item in write_fields(objective).items() if name != "why"}


_AS_GIVEN = {**LEFT_OUT, **coded(partial(read_fields, Objective), _without_why)}


def _aims(aims: Aims) -> dict[str, Any]:
    return {
        "objectives": [_without_why(one) for one in aims.objectives],
        "constraints": [write_fields(one) for one in aims.constraints],
    }


_RUN_DIR = coded(run_dir_within, str)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What a study took from earlier ones of its app when it began.

    Attributes:
        notes: What from where, in sentences.
        noise_pct: Their noise floor: the standard deviation of a gain at one common seed, in percent; None
            where none of them ran a config with two seeds.
        source: How that is known.
    """

    notes: tuple[str, ...] = ()
    noise_pct: float | None = field(default=None, metadata=LEFT_OUT)
    source: str = field(default="", metadata=LEFT_OUT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class StudyBegun(Event):
    """The first line of a journal: what the study is.

    Attributes:
        autoloop: Version that began it.
        task: The chosen task, else the app's name.
        command: The command line, of old journals as words.
        cwd: The directory it was given in.
        pid: Of the process that began it.
        host: Its machine.
        overrides: Those given for every job.
        objective: What it is judged by, as far as the user set it.
        judging: What of that is assumed; None if the user set all of it.
        aims: Several objectives, of which ``objective`` is the first, and constraints.
        limits: When it ends, as `autoloop.loop.steps.Limits` recorded them.
        starts: Names of the starting points.
        config: Config of the first starting point, resolved (`autoloop.study.identity.exact`).
        identity: What its config is made of; None in journals older than that.
        settings: Rules, strategy and whatever else is set, as configured.
        single: Overrides without which a single run is none, or does not compose: config files may make every
            command a sweep, or hold settings of a sweeper.
        learnt: What it took from earlier studies; None where there are none.
    """

    kind: ClassVar[str] = "study"
    autoloop: str = field(default="", metadata=LEFT_OUT)
    task: str | None = field(default=None, metadata=LEFT_OUT)
    command: str | tuple[str, ...] = field(default="", metadata=LEFT_OUT)
    cwd: str | None = field(default=None, metadata=LEFT_OUT)
    pid: int | None = field(default=None, metadata=LEFT_OUT)
    host: str = field(default="", metadata=LEFT_OUT)
    overrides: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)
    objective: Objective | None = field(default=None, metadata=_AS_GIVEN)
    judging: AssumedObjective | None = field(default=None, metadata=LEFT_OUT)
    aims: Aims = field(
        default_factory=Aims, metadata={**LEFT_OUT, **coded(partial(read_fields, Aims), _aims)}
    )
    limits: Mapping[str, Any] | None = field(default=None, metadata=LEFT_OUT)
    starts: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)
    config: Mapping[str, Any] | None = field(default=None, metadata=LEFT_OUT)
    identity: Identity | None = field(default=None, metadata=LEFT_OUT)
    settings: Mapping[str, Any] | None = field(default=None, metadata=LEFT_OUT)
    single: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    learnt: Learnt | None = field(default=None, metadata=LEFT_OUT)

    def limit(self, name: str) -> int | None:
        """One of the limits that are whole numbers; None where there is none."""
        value = (self.limits or {}).get(name)
        return value if isinstance(value, int) else None

    @property
    def aim(self) -> Objective:
        """What the study is judged by, as far as that is known when it begins."""
        why = self.judging.why if self.judging else ""
        return replace(self.objective or Objective(), why=why)


@nan_is_nan
@dataclass(frozen=True, slots=True)
class Planned:
    """A variant that is planned, and the number of the job that will run it."""

    job: int
    plan: Plan = field(metadata=FLAT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlanned(Event):
    """A round is planned, or more of one.

    Attributes:
        round: Its number, from 1.
        variants: What will run.
        refused: What was proposed and will not.
        aim: What is measured: "race", "anew", "ablate", "reduce", "check", "confirm", "climb"; empty for the
            search itself.
    """

    kind: ClassVar[str] = "round"
    round: int
    variants: tuple[Planned, ...]
    refused: tuple[Refusal, ...]
    aim: str = field(default="", metadata=LEFT_OUT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted(Event):
    """A job is about to start.

    Attributes:
        job: Its number.
        name: Its name.
        round: Its round.
        run_dir: Its directory, relative to the study.
        slot: Index of its slot, where that is known so early.
        gpus: GPU ids of that slot.
    """

    kind: ClassVar[str] = "job"
    job: int
    name: str = field(default="", metadata=LEFT_OUT)
    round: int | None = field(default=None, metadata=LEFT_OUT)
    run_dir: str = field(metadata=_RUN_DIR)
    slot: int | None = field(default=None, metadata=LEFT_OUT)
    gpus: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlaced(Event):
    """An engine that outlives the main process has taken a job, or started it again.

    Attributes:
        job: Its number.
        handle: What finds it again in that engine.
        restarts: How often it was started again.
        run_dir: Its directory now, relative to the study.
    """

    kind: ClassVar[str] = "placed"
    job: int
    handle: Mapping[str, Any]
    restarts: int
    run_dir: str = field(metadata=_RUN_DIR)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What is known of a job's end beside its result; None and empty stand for what is not known.

    Attributes:
        exit_code: Exit code of its process.
        signal: Name of the signal that ended it.
        ended_by: Why it was ended from outside: timeout, stalled, stopped, interrupted.
        return_value: The task's result where it is a number.
        results: Name -> number, where it returned several.
        returned: What it returned that is no result, such as ``a tuple of 2``; empty if nothing.
        values: Name -> number, of each of several objectives and of each constraint; one that is not known
            is missing.
        named: The metric whose value it returned, as its config says in its own process.
        jitters: Metric -> how far single points of its curve jump, where it may be the objective.
        started_at: Seconds since the epoch.
        ended_at: The same.
        slot: Index of its slot.
        gpus: GPU ids it had.
        host: Name of the machine it ran on, where that is another.
        log: Name of its log in its directory.
        log_tail: The last lines of the log, where it did not complete.
        url: Page of its W&B run.
        run_id: Id of that run.
        source: Where its curves are from, in words: ``W&B``, ``csv csv_logs/version_0/metrics.csv``.
        problem: What of its curves cannot be read.
        warnings: What should be looked at.
        unheeded: Paths that it changed without effect.
        command: The shell line that trains it once more, in journals that keep it.
    """

    exit_code: int | None = field(default=None, metadata=LEFT_OUT)
    signal: str | None = field(default=None, metadata=LEFT_OUT)
    ended_by: str | None = field(default=None, metadata=LEFT_OUT)
    return_value: float | None = field(default=None, metadata=LEFT_OUT)
    results: Mapping[str, float] = field(default_factory=dict, metadata=LEFT_OUT)
    returned: str = field(default="", metadata=LEFT_OUT)
    values: Mapping[str, float] = field(default_factory=dict, metadata=LEFT_OUT)
    named: str = field(default="", metadata=LEFT_OUT)
    jitters: Mapping[str, float] = field(default_factory=dict, metadata=LEFT_OUT)
    started_at: float | None = field(default=None, metadata={**LEFT_OUT, **MOMENT})
    ended_at: float | None = field(default=None, metadata={**LEFT_OUT, **MOMENT})
    slot: int | None = field(default=None, metadata=LEFT_OUT)
    gpus: tuple[str, ...] = ()
    host: str | None = field(default=None, metadata=LEFT_OUT)
    log: str = ""
    log_tail: str = ""
    url: str = ""
    run_id: str = ""
    source: str = field(default="", metadata=LEFT_OUT)
    problem: str = ""
    warnings: tuple[str, ...] = ()
    unheeded: tuple[str, ...] = ()
    command: str | tuple[str, ...] = field(default="", metadata=LEFT_OUT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded(Event):
    """A job ended.

    Attributes:
        objective: Value of the objective, NaN if unknown.
        state: How it ended.
        summary: Metric -> ``{first, last, best, best_step, delta, pct, count}``.
        steps: Last step of its history, 0 if there is none.
        error: Why it did not complete, in one line.
        details: What else is known.
        job: Its number.
        name: Its name.
        round: Its round.
        run_dir: Its directory, in journals that do not tell it when a job starts.
    """

    kind: ClassVar[str] = "trial"
    objective: float
    state: TrialState
    summary: Mapping[str, Mapping[str, Any]] = field(metadata=coded(_summary, _unchanged))
    steps: int
    error: str
    details: Details = field(metadata=FLAT)
    job: int
    name: str = field(default="", metadata=LEFT_OUT)
    round: int | None = field(default=None, metadata=LEFT_OUT)
    run_dir: str | None = field(default=None, metadata={**LEFT_OUT, **_RUN_DIR})


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked(Event):
    """A stop rule wants a running job ended.

    Attributes:
        job: Its number.
        name: Its name.
        rule: Name of the rule.
        reason: Why, in one sentence.
        step: The step it was judged at: its curves count up to here.
        evidence: The numbers that rests on.
    """

    kind: ClassVar[str] = "stopping"
    job: int
    name: str = field(default="", metadata=LEFT_OUT)
    rule: str
    reason: str
    step: int
    evidence: Mapping[str, Any]


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class ProbesJudged(Event):
    """The probes and the baseline have come to the step at which they are compared.

    Attributes:
        step: That step; each counts with its first evaluation at or after it.
        values: Number of each job -> its objective there; NaN where it has none.
        best: Number of the probe that is better than all others and trains to its end; None for none.
    """

    kind: ClassVar[str] = "probed"
    step: int
    values: Mapping[int, float]
    best: int | None = None


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveSeen(Event):
    """The first results show what the study is judged by.

    Attributes:
        metric: See `autoloop.curves.objective.Objective`.
        goal: The same.
        stat: The same.
        why: The same.
        values: Number of each job that completed -> its result, NaN if it has none.
    """

    kind: ClassVar[str] = "objective"
    metric: str = ""
    goal: str = "min"
    stat: str = "last"
    why: str = ""
    values: Mapping[int, float]

    @property
    def aim(self) -> Objective:
        """What the study is judged by from here on."""
        return Objective(self.metric, self.goal, self.stat, self.why)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class RulesAsked(Event):
    """The rules were asked about jobs that ended.

    Attributes:
        round: The latest round.
        decisions: What they said.
        judged: Numbers of the jobs; None, in old journals, for all of the round.
    """

    kind: ClassVar[str] = "decisions"
    round: int
    decisions: tuple[Decision, ...]
    judged: tuple[int, ...] | None = field(default=None, metadata=LEFT_OUT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequeued(Event):
    """A job is to be run again.

    Attributes:
        job: Number of the new try.
        of: Number of the try it repeats.
        name: Name of both.
    """

    kind: ClassVar[str] = "requeue"
    job: int
    of: int
    name: str = field(default="", metadata=LEFT_OUT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class SearchClosed(Event):
    """The search is over.

    Attributes:
        reason: Why, in one sentence.
        worthy: Name of the job that met every condition of ``until``; empty where it ended otherwise.
        limits: The limits it ended under, as `autoloop.loop.steps.Limits` recorded them.
    """

    kind: ClassVar[str] = "closing"
    reason: str
    worthy: str = ""
    limits: Mapping[str, Any]


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStopped(Event):
    """The study ended.

    Attributes:
        reason: Why, in one sentence.
        failed: Whether that is a failure.
        worthy: As in `SearchClosed`.
        best: Name of the winner; None where there is none.
        limits: As in `SearchClosed`; None in journals older than that.
    """

    kind: ClassVar[str] = "stop"
    reason: str = ""
    failed: bool = False
    worthy: str = ""
    best: str | None = None
    limits: Mapping[str, Any] | None = field(default=None, metadata=LEFT_OUT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResumed(Event):
    """A later process went on with the study.

    Attributes:
        pid: Of that process.
        host: Its machine.
        changed: What was set otherwise than before.
        names: "unique" where names in what follows mean what `autoloop.study.record.Study` calls jobs.
    """

    kind: ClassVar[str] = "resume"
    pid: int | None = field(default=None, metadata=LEFT_OUT)
    host: str = field(default="", metadata=LEFT_OUT)
    changed: tuple[str, ...] = ()
    names: str = field(default="", metadata=LEFT_OUT)


@nan_is_nan
@dataclass(frozen=True, slots=True, kw_only=True)
class UserControl(Event):
    """A user asked something of the running study; as a request it has no answer yet.

    Attributes:
        action: What is to be done: stop, keep, refuse, add, ban, free, bounds, set, pause, continue, finish,
            end or approve.
        by: Who asked, as ``user@host``.
        asked_as: Name of the request; empty if nobody asked, as for an approval after a time limit.
        asked_at: When, in seconds since the epoch.
        name: The job as the user named it; of ``add`` a name for the variant; of ``set`` the setting.
        jobs: Numbers of the jobs that are meant.
        signatures: Of their configs, where they are taken out of the plan.
        round: The round that is approved.
        path: Path pattern of the knobs that are meant.
        low: Lower bound; None for none.
        high: Upper bound; None for none.
        value: New value of a setting; None for no limit.
        was: The value before.
        edits: Edits of a variant.
        of: Name of the job it is a child of; empty for the baseline.
        reason: Why, in the user's words.
        taken: Whether it was done.
        outcome: What came of it, in one sentence.
    """

    kind: ClassVar[str] = "control"
    action: str
    by: str
    asked_as: str = field(default="", metadata=LEFT_OUT)
    asked_at: float | None = field(default=None, metadata={**LEFT_OUT, **MOMENT})
    name: str = field(default="", metadata=LEFT_OUT)
    jobs: tuple[int, ...] = field(default=(), metadata=LEFT_OUT)
    signatures: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    round: int | None = field(default=None, metadata=LEFT_OUT)
    path: str = field(default="", metadata=LEFT_OUT)
    low: float | None = field(default=None, metadata=LEFT_OUT)
    high: float | None = field(default=None, metadata=LEFT_OUT)
    value: float | None = field(default=None, metadata=LEFT_OUT)
    was: float | None = field(default=None, metadata=LEFT_OUT)
    edits: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    of: str = field(default="", metadata=LEFT_OUT)
    reason: str = field(default="", metadata=LEFT_OUT)
    taken: bool = False
    outcome: str = ""


_OF_STUDY = (
    *(StudyBegun, RoundPlanned, ProbesJudged, ObjectiveSeen, RulesAsked, SearchClosed),
    *(StudyStopped, StudyResumed, UserControl),
)
_OF_JOBS = (JobStarted, JobPlaced, JobEnded, StopAsked, JobRequeued)

KINDS: Mapping[str, type[Event]] = {one.kind: one for one in (*_OF_STUDY, *_OF_JOBS)}
"""Kind -> class of its events."""


def read_event(record: Mapping[str, Any]) -> Event:
    """Read a line of a journal, as JSON has it.

    Raises:
        JournalError: The event is of an unknown kind, or a field is missing or of another type; the message
            names the event, the field and what was found.
    """
    name = record.get("event")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise JournalError(f"unknown event {name!r} in the journal")
    try:
        if record.get("time") is None:
            raise FieldError("a number", **({"found": None} if "time" in record else {}), place="time")
        return read_fields(kind, record)
    except (FieldError, ConfigError) as error:
        raise JournalError(f"the {name!r} event cannot be read: {error}") from error
