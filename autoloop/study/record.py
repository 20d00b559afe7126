"""The record of a study: what the events of its journal add up to.

Jobs start and end in an order that depends on the machine, and a later try has a number of its own. What
rules and strategies are shown must not: it comes in the order in which variants were planned, where a later
try stands in the place of the first.

Nothing here reads a file or a clock: `autoloop.store.journal` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from autoloop.curves.aims import Aims
from autoloop.curves.objective import Objective
from autoloop.edits.variants import free_name, with_suffix
from autoloop.errors import JournalError
from autoloop.study.alike import nan_is_nan
from autoloop.study.by_place import ByPlace
from autoloop.study.controls import Controls
from autoloop.study.decisions import Decision, Refusal
from autoloop.study.events import (
    Event,
    JobEnded,
    JobPlaced,
    JobRequeued,
    JobStarted,
    ObjectiveSeen,
    Planned,
    ProbesJudged,
    RoundPlanned,
    RulesAsked,
    SearchClosed,
    StopAsked,
    StudyBegun,
    StudyResumed,
    StudyStopped,
    UserControl,
)
from autoloop.study.jobs import Job
from autoloop.study.plans import (
    ANEW,
    CHECK,
    CLIMB,
    CONFIRM,
    MEASURING,
    MINIMAL,
    PERTURB,
    POPULATION,
    PROBE,
    REPEAT,
    WITHOUT,
    Plan,
)
from autoloop.study.settled import GROUP, OPEN, PackedList, Packer, Settled
from autoloop.study.tally import Tally
from autoloop.study.trials import TrialState

__all__ = [
    "ANEW",
    "CHECK",
    "CLIMB",
    "CONFIRM",
    "MEASURING",
    "MINIMAL",
    "PERTURB",
    "POPULATION",
    "PROBE",
    "REPEAT",
    "WITHOUT",
    "Event",
    "Job",
    "Plan",
    "Study",
]


V = TypeVar("V")


@nan_is_nan
@dataclass(slots=True)
class Study:
    """A study as its journal tells it.

    Attributes:
        header: The ``study`` event; before it, one that says nothing.
        begun: Whether there was one.
        aim: What it is judged by; of several objectives the first.
        aims: Several objectives, and constraints.
        open: Whether that is still to be seen, from the first results.
        jobs: Job number -> job.
        refused: Round -> proposals that were refused for it.
        decisions: Round -> the decisions of the rules on it.
        fired: Place of a job -> the rounds in which rules proposed something when asked about it.
        judged: Numbers of the jobs that the rules have been asked about.
        recent: Numbers of those judged, in the order they were asked about, since the latest round began,
            that is, since the one before it was planned; a later part of the same round begins none.
        planned: Round -> how many jobs it had when it was first planned.
        probed: What the probes of the learning rate showed; None before they did, or where there were none.
        closing: The latest ``closing`` event: the search is over, what runs now measures; else None.
        doubled: Name -> places of the jobs that the journal calls so, where they are several: older
            versions could give a name twice. But the first of them are called otherwise here.
        exact: Whether what the journal says by name now means the names that jobs have here.
        worthy: Name of the job that ended the search by meeting every condition of ``until``; empty where it
            goes on or ended otherwise.
        measured: What was planned to measure since then, or since the latest round began: "race", "anew",
            "ablate", "reduce", "check", "confirm", "climb".
        stopped: The latest ``stop`` event not followed by a ``resume``; None while the study goes on.
        resumes: The ``resume`` events.
        controls: What users asked for, as it holds now.
        withdrawn: How many jobs a user took out of the plan before they started.
        seconds: How long the study has been running, over restarts; while it is paused and no job runs it
            is not.
        last_time: Time of the latest event, seconds since the epoch; NaN before the first.
        events: How many events there were.
    """

    header: StudyBegun = field(default_factory=StudyBegun)
    begun: bool = False
    aim: Objective = field(default_factory=Objective)
    aims: Aims = field(default_factory=Aims)
    open: bool = False
    jobs: dict[int, Job] = field(default_factory=dict)
    refused: dict[int, list[Refusal]] = field(default_factory=dict)
    decisions: dict[int, Sequence[Decision]] = field(default_factory=dict)
    fired: ByPlace = field(default_factory=ByPlace)
    judged: set[int] = field(default_factory=set)
    recent: list[int] = field(default_factory=list)
    planned: dict[int, int] = field(default_factory=dict)
    probed: ProbesJudged | None = None
    closing: SearchClosed | None = None
    doubled: dict[str, tuple[int, ...]] = field(default_factory=dict)
    exact: bool = False
    worthy: str = ""
    measured: tuple[str, ...] = ()
    stopped: StudyStopped | None = None
    resumes: list[StudyResumed] = field(default_factory=list)
    controls: Controls = field(default_factory=Controls)
    withdrawn: int = 0
    seconds: float = 0.0
    last_time: float = math.nan
    events: int = 0
    _tally: Tally | None = field(default=None, repr=False, compare=False)
    _settled: bool = field(default=False, repr=False, compare=False)
    _loose: list[int] = field(default_factory=list, repr=False, compare=False)  # judged, not yet settled
    _rested: bool = field(default=False, repr=False, compare=False)  # nothing ran until the latest event
    #: See `once`; a copy begins without any.
    _answers: dict[str, Any] = field(init=False, default_factory=dict, repr=False, compare=False)
    _packers: tuple[Packer, Packer] = field(
        default_factory=lambda: (Packer(), Packer()), repr=False, compare=False
    )

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
            decisions=dict(self.decisions),
            fired=self.fired.copy(),
            judged=set(self.judged),
            recent=list(self.recent),
            planned=dict(self.planned),
            doubled=dict(self.doubled),
            resumes=list(self.resumes),
            _tally=self.tally.copy(),
            _loose=list(self._loose),
        )

    def once(self, name: str, find: Callable[[], V]) -> V:
        """Return what is known by a name of the study as it stands; it is found once until the next event."""
        if self._answers.get("") is not self.header:
            self._answers = {"": self.header}
        if name not in self._answers:
            self._answers[name] = find()
        answer: V = self._answers[name]
        return answer

    def become(self, other: Study) -> None:
        """Take over all that another record says, for everybody who holds this one."""
        for one in fields(self):
            setattr(self, one.name, getattr(other, one.name))

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
        if isinstance(event, RoundPlanned):
            self._refuse_taken(entry.plan.name for entry in event.variants)
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
            JournalError: The event refers to a job that no round planned, or plans one twice.
        """
        self.events += 1
        self._answers = {}
        self._rested = bool(self.controls.paused) and not self.running()
        try:
            getattr(self, f"_on_{event.kind}")(event)
        except KeyError as error:
            raise JournalError(
                f"the {event.kind!r} event speaks of job {error}, which no round planned"
            ) from error
        if not isinstance(event, StudyBegun | StudyResumed):
            self.seconds += 0.0 if self._rested else max(0.0, event.time - self.last_time)
        self.last_time = event.time

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

    def ineffective(self) -> list[Job]:
        """Jobs with edits that had no effect, whether tried again or not."""
        return [self.jobs[number] for number in self.jobs if number in self.tally.ineffective]

    def ended_last(self) -> Iterator[Job]:
        """Jobs that ended, the latest first."""
        return (job for number in reversed(self.tally.ends) if (job := self.jobs[number]).retried_by is None)

    def tries(self, job: Job) -> list[Job]:
        """All tries of a job, the latest last."""
        return [self.jobs[number] for number in self.tally.tries_of(job.place)]

    def at(self, place: int | None) -> Job | None:
        """The job of that place, its latest try; or None."""
        tries = () if place is None else self.tally.tries_of(place)
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
        return Study(header=self.header, begun=self.begun, aim=self.aim, aims=self.aims, jobs=ended)

    def counted(self) -> list[Job]:
        """Every job but those that a later try replaced, in the order their variants were planned."""
        jobs = [job for job in self.jobs.values() if job.retried_by is None]
        return sorted(jobs, key=lambda job: job.place)

    @property
    def searched(self) -> float:
        """How many jobs belong to the search: not those that measure what it found, nor earlier tries.

        A probe counts as the share of a whole training that it is.
        """
        probes = self.tally.probes
        return self.tally.searched + round(math.fsum(probes.values()), 6) if probes else self.tally.searched

    @property
    def trained(self) -> int:
        """Steps that all jobs trained together, those before the checkpoint of a job that went on aside."""
        paid = sum(job.steps for job in self.jobs.values())
        return paid - sum(min(step, self.jobs[job].steps) for job, step in self.tally.begins.items())

    def is_warm(self, job: Job) -> bool:
        """Whether a job of the search goes on from another's checkpoint."""
        return job.job in self.tally.warm

    def generation(self, job: Job) -> int:
        """Number of the generation of a population that a job belongs to, from 1; see `Job.generation`."""
        return self.tally.generations.get(job.job, 1)

    @property
    def breeds(self) -> bool:
        """Whether its jobs are generations of a population, of which there are two or more."""
        return bool(self.tally.generations)

    def best(self) -> Job | None:
        """The completed job with the best objective, measurements aside; None while there is none.

        One that breaks a constraint is none. Of equals the one that was planned first. Of a population those
        of the latest generation that has a result.
        """
        best = self.tally.best()
        return None if best is None else self.jobs[best]

    def best_when_planned(self, job: Job) -> Job | None:
        """The best job of those that had ended when this one was planned; None while there was none."""
        best = self.tally.best(before=job.planned_as)
        return None if best is None else self.jobs[best]

    def _on_study(self, event: StudyBegun) -> None:
        self.header, self.begun, self.aim, self.aims = event, True, event.aim, event.aims
        self.open = event.judging is not None and event.judging.open

    def _on_objective(self, event: ObjectiveSeen) -> None:
        self.aim, self.open = event.aim, False
        for number, value in event.values.items():
            self.jobs[number] = replace(self.jobs[number].whole(), objective=float(value))
        self.tally.rank(self.jobs, self.maximize)

    def _on_round(self, event: RoundPlanned) -> None:
        number = event.round
        if number not in self.planned:
            self.planned[number] = len(event.variants)
            self.recent = []
            self.worthy, self.measured = "", ()
        for place, entry in enumerate(event.variants, start=len(self.jobs) + self.withdrawn):
            plan = self._plan_of(entry, place)
            origin = self.tally.named.get(plan.parent or "")
            own = entry.job if entry.job == place else place  # one object for both: there may be very many
            self._plan(Job(entry.job, number, plan, own, origin, planned_as=self.events))
        refused = (replace(one, trial=self._meant(one.trial)) for one in event.refused)
        self.refused.setdefault(number, []).extend(refused)
        if event.aim:
            self.measured = (*self.measured, event.aim)

    def _plan_of(self, entry: Planned, place: int) -> Plan:
        """A plan, under a name that is its job's alone, and with its parent's."""
        plan = entry.plan
        parent = plan.parent and self._meant(plan.parent, ended=plan.rule not in MEASURING)
        plan = replace(plan, parent=parent)
        first = self.tally.named.get(plan.name)
        if first is None:
            return plan
        self.doubled[plan.name] = (*self.doubled.get(plan.name, (first,)), place)
        return replace(plan, name=free_name(with_suffix(plan.name, f".job{entry.job}"), self.tally.named))

    def _meant(self, name: str, ended: bool = True) -> str:
        """Name of the job that an entry of the journal means.

        Where several are called so, it was the last planned of them, for most purposes of those that had
        ended.
        """
        places = () if self.exact else self.doubled.get(name, ())
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
            raise JournalError(f"job {job.job} is planned twice")
        self.tally.plan(job)
        self.jobs[job.job] = job

    def _on_job(self, event: JobStarted) -> None:
        self.tally.run_dirs.add(event.run_dir, event.job)
        self.jobs[event.job] = replace(
            self.jobs[event.job].whole(),
            started=True,
            run_dir=event.run_dir,
            slot=event.slot,
            gpus=event.gpus,
            started_at=event.time,
        )

    def _on_placed(self, event: JobPlaced) -> None:
        self.tally.run_dirs.add(event.run_dir, event.job)
        self.jobs[event.job] = replace(
            self.jobs[event.job].whole(), run_dir=event.run_dir, handle=event.handle, restarts=event.restarts
        )

    def _on_trial(self, event: JobEnded) -> None:
        job, best, details = self.jobs[event.job].whole(), self.best(), event.details
        self.jobs[job.job] = replace(
            job,
            run_dir=job.run_dir if event.run_dir is None else event.run_dir,
            slot=job.slot if details.slot is None else details.slot,
            gpus=details.gpus or job.gpus,
            state=event.state,
            objective=math.nan if event.state is TrialState.INFEASIBLE else float(event.objective),
            losses=self.aims.losses(details.values),
            excess=self.aims.excess(details.values),
            feasible=not self.aims.broken(details.values),
            summary=event.summary,
            steps=event.steps,
            error=event.error,
            started_at=job.started_at if details.started_at is None else details.started_at,
            ended_at=event.time if details.ended_at is None else details.ended_at,
            ended_as=self.events,
            details=details,
        )
        self.tally.end(self.jobs[job.job], best, self.maximize)

    def _on_decisions(self, event: RulesAsked) -> None:
        decisions = [self._as_meant(decision) for decision in event.decisions]
        self.decisions[event.round] = [*self.decisions.get(event.round, ()), *decisions]
        for decision in decisions:
            place = self.tally.named.get(decision.judged)
            if decision.fired and place is not None and event.round not in self.fired.get(place):
                self.fired.add(place, event.round)
        numbers = [job.job for job in self.of_round(event.round)] if event.judged is None else event.judged
        judged = [self.jobs[number].job if number in self.jobs else number for number in numbers]
        self.judged.update(judged)
        self.tally.judge(judged)
        self.recent.extend(judged)
        self._settle(judged)

    def _settle(self, judged: Iterable[int]) -> None:
        """In a long study keep jobs small that have been judged, and the decisions on earlier rounds."""
        if len(self.jobs) <= OPEN:
            return
        self._loose += judged if self._settled else [number for number in self.jobs if number in self.judged]
        while len(self._loose) >= GROUP:
            few, self._loose = self._loose[:GROUP], self._loose[GROUP:]
            jobs = [self.jobs[number] for number in few]
            done = [job for job in jobs if job.state is not None and not isinstance(job, Settled)]
            if done:
                self.jobs.update((one.job, one) for one in Settled.group(done, self._packers[0], self.aim))
        for number in sorted(self.decisions)[:-2] if not self._settled else sorted(self.decisions)[-4:-2]:
            decisions = self.decisions[number]
            if not isinstance(decisions, PackedList):
                self.decisions[number] = PackedList(decisions, self._packers[1])
        self._settled = True

    def fired_on(self, place: int) -> list[Decision]:
        """What rules proposed when they were asked about the job of a place."""
        decisions = (one for number in self.fired.get(place) for one in self.decisions[number])
        return [one for one in decisions if one.fired and self.tally.named.get(one.judged) == place]

    def _as_meant(self, decision: Decision) -> Decision:
        """A decision that refers to jobs by unique names."""
        trial, judged = self._meant(decision.trial), self._meant(decision.judged)
        return replace(decision, trial=trial, judged=judged)

    def _on_stopping(self, event: StopAsked) -> None:
        self.jobs[event.job] = replace(self.jobs[event.job].whole(), stop=event)

    def _on_probed(self, event: ProbesJudged) -> None:
        self.probed = event
        if event.best is not None:
            best = replace(self.jobs[event.best].whole(), goes_on=True)
            self.jobs[best.job] = best
            self.tally.price(best)

    def _on_requeue(self, event: JobRequeued) -> None:
        old, new = self.jobs[event.of], event.job
        self.jobs[old.job] = replace(old.whole(), retried_by=new)
        self.tally.drop(old)
        again = Job(
            *(new, old.round, old.plan, old.place, old.origin, old.job),
            planned_as=old.planned_as,
            goes_on=old.goes_on,
        )
        self._plan(again)

    def _on_closing(self, event: SearchClosed) -> None:
        self.closing = event
        self.worthy, self.measured = self._meant_worthy(event.worthy), ()

    def _on_stop(self, event: StudyStopped) -> None:
        self.stopped = event
        self.worthy = self._meant_worthy(event.worthy)

    def _on_control(self, event: UserControl) -> None:
        self.controls = self.controls.after(event)
        if event.taken and event.action == "refuse":
            for job in [self.jobs[number] for number in event.jobs]:
                self._withdraw(job, f"refused by {event.by}")

    def _withdraw(self, job: Job, why: str) -> None:
        """Take a job that has not started out of the plan; its number, place and name stay taken."""
        if job.started or job.state is not None or job.retry_of is not None:
            raise JournalError(f"job {job.job} cannot be taken out of the plan: it has started")
        plan = job.plan
        self.refused.setdefault(job.round, []).append(Refusal(plan.parent or "", plan.rule, plan.edits, why))
        self.tally.withdraw(job)
        del self.jobs[job.job]
        self.withdrawn += 1

    def _on_resume(self, event: StudyResumed) -> None:
        self.stopped = None
        self.controls = self.controls.resumed()
        self.exact = event.names == "unique"
        self.resumes.append(event)
