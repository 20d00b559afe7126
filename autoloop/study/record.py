"""The record of a study: the events of its journal, and what they add up to.

An event is a JSON object with ``event`` (its kind) and ``time`` (seconds since the epoch). The kinds, in the
order they appear:

``study``      first line: version, command, settings, rules as configured
``round``      a round is planned: its variants (each with its job number) and the proposals refused
``job``        a job is about to start in a slot
``placed``     an engine that outlives this process has taken a job, or started it again in a new run dir
``trial``      a job ended: state, summary, where its log is
``stopping``   a stop rule wants a running job ended, and why
``objective``  what the first results show the study to be judged by, and the value of each job that ended
``decisions``  what the rules said of the jobs that ended, by round
``requeue``    a job that was interrupted, or failed and may be tried again, gets a new number and run dir
``closing``    the search is over, and why; what follows only measures what it found
``stop``       the study ended, and why
``resume``     a later process went on with the study

Jobs start and end in an order that depends on the machine, and a later try has a number of its own. What
rules and strategies are shown must not: it comes in the order in which variants were planned, where a later
try stands in the place of the first.

Nothing here reads a file or a clock: `autoloop.store.journal` does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.curves.objective import Objective
from autoloop.edits import ValueChange
from autoloop.edits.variants import Variant, free_name, with_suffix
from autoloop.errors import JournalError
from autoloop.study.identity import from_exact
from autoloop.study.tally import Tally
from autoloop.study.trials import Trial, TrialState

Event = Mapping[str, Any]

VERSION = 1  # of a journal's lines; those of another one are not read

REPEAT = "repeat"
"""The rule of a variant that differs from its parent in nothing but the seed: it measures, it is no idea."""

CONFIRM = "confirm"
"""The same at the end of a study, with seeds that nothing was chosen by."""

WITHOUT = "without"
"""The rule of a variant that is the winner without one of its edits, to see what that edit does."""

MINIMAL = "minimal"
"""The rule of a variant that is the winner without all the edits that do nothing."""

CHECK = "check"
"""The rule of a repeat that says, beside another config at the same seed, whether edits do nothing."""

AFTERWARDS = (CONFIRM, WITHOUT, MINIMAL, CHECK)
"""Rules of what runs after the search."""

MEASURING = (REPEAT, *AFTERWARDS)
"""Rules of what is run to measure: no idea, no parent, and no winner by its own result."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A variant as the journal keeps it: everything but its config."""

    name: str
    parent: str | None
    rule: str
    reason: str
    evidence: Mapping[str, Any]
    expects: str
    edits: tuple[str, ...]
    overrides: tuple[str, ...]
    signature: str
    changes: tuple[ValueChange, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, entry: Event) -> Plan:
        """Read one entry of a ``round`` event's ``variants``."""
        return cls(
            name=entry["name"],
            parent=entry["parent"],
            rule=entry["rule"],
            reason=entry["reason"],
            evidence=entry["evidence"],
            expects=entry["expects"],
            edits=tuple(entry["edits"]),
            overrides=tuple(entry["overrides"]),
            signature=entry["signature"],
            changes=tuple(ValueChange(*from_exact(change)) for change in entry["changes"]),
            notes=tuple(entry["notes"]),
        )

    def variant(self, config: Mapping[str, Any], overrides: Sequence[str]) -> Variant:
        """The variant itself.

        Args:
            config: Its config.
            overrides: Its overrides, with or without the secrets that the journal leaves out.
        """
        kept = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "overrides"}
        return Variant(**kept, overrides=tuple(overrides), config=config)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a study: planned, running (``run_dir`` set), or ended (``state`` set).

    Attributes:
        job: Number in the study, from 0.
        round: Number of the round, from 1.
        plan: The variant it runs.
        place: Sorts jobs as their variants were planned, and tells variants apart: a later try has the place
            of the first, and nothing else has.
        origin: Place of the job it was derived from; None for a starting point.
        retry_of: Number of the job it repeats, None for the first try.
        retried_by: Number of the job that repeats it, None if there is none.
        started: Whether it was started.
        run_dir: Directory of the job, relative to the study; empty before it starts.
        slot: Index of its slot, None where the launcher has no slots.
        gpus: GPU ids of its slot.
        handle: What finds it again in an engine that outlives the main process; empty where there is none.
        state: How it ended; None while it has not.
        objective: Value of the objective, NaN if unknown and for what is INFEASIBLE.
        summary: Metric -> ``{first, last, best, best_step, delta, pct, count}``.
        steps: Last step of its history, 0 if there is none.
        error: Why it did not complete, in one line.
        started_at: Seconds since the epoch, NaN if unknown.
        ended_at: The same.
        planned_as: How many events the journal held when it was planned; a retry inherits it.
        ended_as: The same of when it ended; 0 while it has not.
        details: The remaining fields of the ``trial`` event (exit_code, signal, log, log_tail, url, run_id,
            problem, warnings, return_value, results, returned).
    """

    job: int
    round: int
    plan: Plan
    place: int = 0
    origin: int | None = None
    retry_of: int | None = None
    retried_by: int | None = None
    started: bool = False
    run_dir: str = ""
    slot: int | None = None
    gpus: tuple[str, ...] = ()
    handle: Mapping[str, str] = field(default_factory=dict)
    state: TrialState | None = None
    objective: float = math.nan
    summary: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    steps: int = 0
    error: str = ""
    started_at: float = math.nan
    ended_at: float = math.nan
    planned_as: int = 0
    ended_as: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the job: its variant's."""
        return self.plan.name

    def trial(self, variant: Variant) -> Trial:
        """The job, which has ended, as a trial of this variant, without its curves."""
        assert self.state is not None
        return Trial(
            variant,
            self.job,
            self.round,
            self.run_dir,
            self.state,
            self.objective,
            error=self.error,
            stopping=self.stopping,
        )

    @property
    def is_repeat(self) -> bool:
        """Whether it runs its parent's config once more, with another seed."""
        return self.plan.rule in (REPEAT, CHECK, CONFIRM)

    @property
    def measures(self) -> bool:
        """Whether it is run to measure, and is no idea of its own."""
        return self.plan.rule in MEASURING

    @property
    def stopping(self) -> Mapping[str, Any]:
        """What a stop rule said where it ended the job: rule, reason, step and evidence; else empty."""
        ended = self.state in (TrialState.STOPPED, TrialState.INFEASIBLE)
        return dict(self.details.get("stopping") or {}) if ended else {}

    @property
    def stop_step(self) -> int | None:
        """The step up to which its curves count, where a stop rule ended it; else None."""
        return int(self.stopping["step"]) if self.stopping else None

    @property
    def searches(self) -> bool:
        """Whether it belongs to the search, not to what measures the search's result."""
        return self.plan.rule not in AFTERWARDS

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended, as far as the journal knows."""
        return self.started and self.state is None

    @property
    def known(self) -> bool:
        """Whether it came to its end with a result that can be compared."""
        return self.state is TrialState.COMPLETE and math.isfinite(self.objective)


@dataclass(slots=True)
class Study:
    """A study as its journal tells it.

    Attributes:
        header: The ``study`` event.
        aim: What it is judged by.
        open: Whether that is still to be seen, from the first results.
        jobs: Job number -> job.
        refused: Round -> proposals that were refused for it, each ``{trial, rule, edits, why}``.
        decisions: Round -> what the rules said of it, each ``{trial, rule, reason, evidence, edits,
            expects}``.
        fired: Place of a job -> what rules proposed when they were asked about it, entries of
            ``decisions``.
        judged: Numbers of the jobs that the rules have been asked about.
        recent: Numbers of those judged, in the order they were asked about, since the latest round began,
            that is, since the one before it was planned; a later part of the same round begins none.
        planned: Round -> how many jobs it had when it was first planned.
        closing: The latest ``closing`` event: the search is over, what runs now measures; else empty.
        doubled: Name -> places of the jobs that the journal calls so, where they are several: older
            versions could give a name twice. But the first of them are called otherwise here.
        exact: Whether what the journal says by name now means the names that jobs have here.
        worthy: Name of the job that ended the search by meeting every condition of ``until``; empty where it
            goes on or ended otherwise.
        measured: What was planned to measure since then, or since the latest round began: "race", "ablate",
            "reduce", "check", "confirm".
        stopped: The latest ``stop`` event not followed by a ``resume``; None while the study goes on.
        resumes: The ``resume`` events.
        seconds: How long the study has been running, over restarts.
        last_time: Time of the latest event, seconds since the epoch; NaN before the first.
        events: How many events there were.
    """

    header: Event = field(default_factory=dict)
    aim: Objective = field(default_factory=Objective)
    open: bool = False
    jobs: dict[int, Job] = field(default_factory=dict)
    refused: dict[int, list[Event]] = field(default_factory=dict)
    decisions: dict[int, list[Event]] = field(default_factory=dict)
    fired: dict[int, tuple[Event, ...]] = field(default_factory=dict)
    judged: set[int] = field(default_factory=set)
    recent: list[int] = field(default_factory=list)
    planned: dict[int, int] = field(default_factory=dict)
    closing: Event = field(default_factory=dict)
    doubled: dict[str, tuple[int, ...]] = field(default_factory=dict)
    exact: bool = False
    worthy: str = ""
    measured: tuple[str, ...] = ()
    stopped: Event | None = None
    resumes: list[Event] = field(default_factory=list)
    seconds: float = 0.0
    last_time: float = math.nan
    events: int = 0
    _tally: Tally | None = field(default=None, repr=False, compare=False)

    @classmethod
    def replay(cls, events: Iterable[Event]) -> Study:
        """Fold events into the study they tell."""
        study = cls()
        for event in events:
            study.record(event)
        return study

    def copy(self) -> Study:
        """The study as it is now, which later events do not change."""
        return replace(
            self,
            jobs=dict(self.jobs),
            refused={number: list(found) for number, found in self.refused.items()},
            decisions={number: list(found) for number, found in self.decisions.items()},
            fired=dict(self.fired),
            judged=set(self.judged),
            recent=list(self.recent),
            planned=dict(self.planned),
            doubled=dict(self.doubled),
            resumes=list(self.resumes),
            _tally=self.tally.copy(),
        )

    @property
    def tally(self) -> Tally:
        """The jobs sorted by what is asked of them at every event."""
        if self._tally is None:
            self._tally = Tally.of(self.jobs.values(), self.judged, self.maximize)
        return self._tally

    def admit(self, event: Event) -> None:
        """Take an event into account that is new, not read from a journal.

        Raises:
            JournalError: As in `record`; or it gives a job the name of another.
        """
        if event.get("event") == "round":
            self._refuse_taken(str(entry["name"]) for entry in event["variants"])
        self.record(event)

    def _refuse_taken(self, names: Iterable[str]) -> None:
        taken = set(self.tally.named)
        for name in names:
            if name in taken:
                raise JournalError(
                    f"no job can be planned as {name!r}: another job of the study has that name"
                )
            taken.add(name)

    def record(self, event: Event) -> None:
        """Take one more event into account.

        Of a journal that calls several jobs by one name all but the first get names of their own, such as
        ``r2_slow.job7``, and what it says by such a name is taken as it was meant.

        Raises:
            JournalError: The event is of an unknown kind or speaks of a job that no round planned.
        """
        handler = getattr(self, f"_on_{event.get('event')}", None)
        if handler is None:
            raise JournalError(f"unknown event {event.get('event')!r} in the journal")
        self.events += 1
        try:
            time = float(event["time"])
            handler(event)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise JournalError(f"the {event['event']!r} event is incomplete: {error!r}") from error
        if event["event"] not in ("study", "resume"):
            self.seconds += max(0.0, time - self.last_time)
        self.last_time = time

    @property
    def maximize(self) -> bool:
        """Whether a larger objective is better."""
        return self.aim.maximize

    @property
    def rounds(self) -> list[int]:
        """Numbers of the planned rounds, ascending."""
        return sorted(self.tally.rounds)

    def of_round(self, number: int) -> list[Job]:
        """Jobs of one round without those that a later try replaced, as they were planned."""
        return self._as_planned(self.tally.rounds.get(number, ()))

    def begun_with(self, number: int) -> list[Job]:
        """Jobs that a round was first planned with: none that joined it while it ran or was measured."""
        jobs = self.of_round(number)
        begun = min((job.planned_as for job in jobs), default=0)
        return [job for job in jobs if job.planned_as == begun]

    def waiting(self) -> list[Job]:
        """Jobs that are planned and not started, in the order to start them: that of their numbers."""
        return [self.jobs[job] for job in sorted(self.tally.open) if not self.jobs[job].started]

    def running(self) -> list[Job]:
        """Jobs that were started and have not ended, as they were planned."""
        return [job for job in self._as_planned(self.tally.open) if job.running]

    def unjudged(self) -> list[Job]:
        """Jobs that ended and that the rules were not asked about, repeats aside, as they were planned."""
        return self._as_planned(self.tally.unjudged)

    def troubled(self) -> list[Job]:
        """Jobs that failed, ran out of time or were interrupted, as they were planned."""
        return self._as_planned(self.tally.troubled)

    def ended_last(self) -> Iterator[Job]:
        """Jobs that ended, the latest first."""
        return (job for number in reversed(self.tally.ends) if (job := self.jobs[number]).retried_by is None)

    def tries(self, job: Job) -> list[Job]:
        """All tries of a job, the latest last."""
        return [self.jobs[number] for number in self.tally.tries.get(job.place, ())]

    def at(self, place: int | None) -> Job | None:
        """The job of that place, its latest try; or None."""
        tries = () if place is None else self.tally.tries.get(place, ())
        return self.jobs[tries[-1]] if tries else None

    def parent(self, job: Job) -> Job | None:
        """The job that this one was derived from, its latest try; None for a starting point."""
        return self.at(job.origin)

    @property
    def names(self) -> Iterable[str]:
        """The names of all jobs."""
        return self.tally.named.keys()

    def _as_planned(self, jobs: Iterable[int]) -> list[Job]:
        return sorted((self.jobs[job] for job in jobs), key=lambda job: job.place)

    def by_name(self, name: str | None) -> Job | None:
        """The job of that name, its latest try; or None."""
        return self.at(self.tally.named.get(name or ""))

    @property
    def next_job(self) -> int:
        """Number of the next new job."""
        return self.tally.next_job

    def when_planned(self, job: Job) -> Study:
        """The jobs that had ended when a job was planned, as a study: what it may be compared with."""
        ended = {one.job: one for one in self.counted() if 0 < one.ended_as < job.planned_as}
        return Study(header=self.header, aim=self.aim, jobs=ended)

    def counted(self) -> list[Job]:
        """Every job but those that a later try replaced, in the order their variants were planned."""
        jobs = [job for job in self.jobs.values() if job.retried_by is None]
        return sorted(jobs, key=lambda job: job.place)

    @property
    def searched(self) -> int:
        """How many jobs belong to the search: not those that measure what it found, nor earlier tries."""
        return self.tally.searched

    def best(self) -> Job | None:
        """The completed job with the best objective, measurements aside; None while there is none.

        Of equals the one that was planned first.
        """
        best = self.tally.best()
        return None if best is None else self.jobs[best]

    def best_when_planned(self, job: Job) -> Job | None:
        """The best job of those that had ended when this one was planned; None while there was none."""
        best = self.tally.best(before=job.planned_as)
        return None if best is None else self.jobs[best]

    def _on_study(self, event: Event) -> None:
        said = _mapping(event.get("judging", {}))
        self.aim = Objective.of({**_mapping(event.get("objective", {})), "why": said.get("why")})
        self.open = bool(said.get("open"))
        self.header = event

    def _on_objective(self, event: Event) -> None:
        self.aim, self.open = Objective.of(event), False
        for number, value in _mapping(event["values"]).items():
            job = self.jobs[int(number)]
            self.jobs[job.job] = replace(job, objective=_number(value))
        self.tally.rank(self.jobs, self.maximize)

    def _on_round(self, event: Event) -> None:
        number = int(event["round"])
        if number not in self.planned:
            self.planned[number] = len(event["variants"])
            self.recent = []
            self.worthy, self.measured = "", ()
        for place, entry in enumerate(event["variants"], start=len(self.jobs)):
            plan = self._plan_of(entry, place)
            origin = self.tally.named.get(plan.parent or "")
            self._plan(Job(int(entry["job"]), number, plan, place, origin, planned_as=self.events))
        self.refused.setdefault(number, []).extend(map(self._as_meant, event["refused"]))
        if event.get("aim"):
            self.measured = (*self.measured, str(event["aim"]))

    def _plan_of(self, entry: Event, place: int) -> Plan:
        """A plan, under a name that is its job's alone, and with its parent's."""
        plan = Plan.of(entry)
        plan = replace(plan, parent=self._meant(plan.parent, ended=plan.rule not in MEASURING))
        first = self.tally.named.get(plan.name)
        if first is None:
            return plan
        self.doubled[plan.name] = (*self.doubled.get(plan.name, (first,)), place)
        return replace(plan, name=free_name(with_suffix(plan.name, f".job{entry['job']}"), self.tally.named))

    def _meant(self, name: str | None, ended: bool = True) -> str | None:
        """Name of the job that an entry of the journal means.

        Where several are called so, it was the last planned of them, for most purposes of those that had
        ended.
        """
        places = () if self.exact else self.doubled.get(name or "", ())
        jobs = [job for place in places if (job := self.at(place)) and (job.state or not ended)]
        return jobs[-1].name if jobs else name

    def _meant_worthy(self, name: str) -> str:
        """The same of a job that ended the search: of several the best."""
        places = () if self.exact else self.doubled.get(name, ())
        jobs = [job for place in places if (job := self.at(place)) and job.known]
        sign = -1 if self.maximize else 1
        return min(jobs, key=lambda job: sign * job.objective).name if jobs else name

    def _plan(self, job: Job) -> None:
        if job.job in self.jobs:
            raise ValueError(f"job {job.job} is planned twice")
        self.tally.plan(job)
        self.jobs[job.job] = job

    def _on_job(self, event: Event) -> None:
        job = self.jobs[int(event["job"])]
        self.tally.run_dirs.add(event["run_dir"])
        self.jobs[job.job] = replace(
            job,
            started=True,
            run_dir=event["run_dir"],
            slot=event.get("slot"),
            gpus=tuple(event.get("gpus") or ()),
            started_at=float(event["time"]),
        )

    def _on_placed(self, event: Event) -> None:
        job = self.jobs[int(event["job"])]
        self.tally.run_dirs.add(event["run_dir"])
        self.jobs[job.job] = replace(
            job,
            run_dir=event["run_dir"],
            handle=_mapping(event["handle"]),
            details={**job.details, "restarts": int(event["restarts"])},
        )

    def _on_trial(self, event: Event) -> None:
        job = self.jobs[int(event["job"])]
        known = {
            "event",
            "v",
            "time",
            "job",
            "name",
            "round",
            "state",
            "objective",
            "summary",
            "steps",
            "error",
        }
        best, state = self.best(), TrialState(event["state"])
        objective = math.nan if state is TrialState.INFEASIBLE else _number(event["objective"])
        self.jobs[job.job] = replace(
            job,
            run_dir=event.get("run_dir", job.run_dir),
            slot=event.get("slot", job.slot),
            gpus=tuple(event.get("gpus") or job.gpus),
            state=state,
            objective=objective,
            summary={name: _mapping(summary) for name, summary in event["summary"].items()},
            steps=int(event["steps"]),
            error=event["error"],
            started_at=_number(event.get("started_at", job.started_at)),
            ended_at=_number(event.get("ended_at", event["time"])),
            ended_as=self.events,
            details={**job.details, **{key: value for key, value in event.items() if key not in known}},
        )
        self.tally.end(self.jobs[job.job], best, self.maximize)

    def _on_decisions(self, event: Event) -> None:
        number = int(event["round"])
        decisions = [self._as_meant(decision) for decision in event["decisions"]]
        self.decisions.setdefault(number, []).extend(decisions)
        for decision in decisions:
            place = self.tally.named.get(str(decision.get("judged") or decision["trial"]))
            if decision["edits"] and place is not None:
                self.fired[place] = (*self.fired.get(place, ()), decision)
        judged = event["judged"] if "judged" in event else [job.job for job in self.of_round(number)]
        judged = [int(job) for job in judged]
        self.judged.update(judged)
        self.tally.judge(judged)
        self.recent.extend(judged)

    def _as_meant(self, entry: Event) -> Event:
        """An entry of ``decisions`` or ``refused`` that speaks of jobs by names that are theirs alone."""
        named = {key: entry[key] for key in ("trial", "judged") if entry.get(key) in self.doubled}
        return {**entry, **{key: self._meant(name) for key, name in named.items()}} if named else entry

    def _on_stopping(self, event: Event) -> None:
        job = self.jobs[int(event["job"])]
        why = {key: event[key] for key in ("rule", "reason", "step", "evidence")}
        self.jobs[job.job] = replace(job, details={**job.details, "stopping": why})

    def _on_requeue(self, event: Event) -> None:
        old, new = self.jobs[int(event["of"])], int(event["job"])
        self.jobs[old.job] = replace(old, retried_by=new)
        self.tally.drop(old)
        again = Job(new, old.round, old.plan, old.place, old.origin, old.job, planned_as=old.planned_as)
        self._plan(again)

    def _on_closing(self, event: Event) -> None:
        _mapping(event["limits"])
        self.closing = {"reason": str(event["reason"]), "limits": event["limits"]}
        self.worthy, self.measured = self._meant_worthy(str(event.get("worthy", ""))), ()

    def _on_stop(self, event: Event) -> None:
        self.stopped = event
        self.worthy = self._meant_worthy(str(event.get("worthy", "")))

    def _on_resume(self, event: Event) -> None:
        self.stopped = None
        self.exact = event.get("names") == "unique"
        self.resumes.append(event)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r:.60} is no mapping")
    return value


def _number(value: Any) -> float:
    """A float; None (JSON's stand-in for NaN) becomes NaN."""
    return math.nan if value is None else float(value)
