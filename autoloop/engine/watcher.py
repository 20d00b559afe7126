"""Watching jobs while they run: their histories are read as they grow, and stop rules asked about them.

Whether and where a job is stopped depends on its curves and on what had ended when it was planned, never on
when somebody looked: a look only finds out sooner. A job that came to its end before anybody looked is judged
then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoloop.curves.metrics import Metrics
from autoloop.history import History, HistoryReader, Series
from autoloop.loop.probing import baseline_of, probes_of
from autoloop.loop.score import noise
from autoloop.stopping import Live, StopDecision, StopRule, first_stop, protected
from autoloop.stopping.probes import ProbeComparison, Runner, compared, ended_at
from autoloop.stopping.watching import Watching
from autoloop.store.reading import read_curves
from autoloop.study.record import Job, Study
from autoloop.study.trials import TrialState

log = logging.getLogger("autoloop")


#: Rounds whose surroundings are kept: the latest, and those whose stragglers still run.
KEPT_ROUNDS = 4

#: A job is compared with so many, the latest that had ended: each may have to be read from disk.
MOST_ENDED = 200


@dataclass(slots=True)
class _Watched:
    """A job that is watched.

    Attributes:
        reader: Reads its history as it grows.
        known: What had ended when it was planned.
        parent: Curves of its parent; none of one that did not complete by then.
        best: Curves of the best of ``known``.
        ended: Curves of the objective of ``known``, see `autoloop.stopping.Live`.
        margin_pct: See `autoloop.stopping.Live`.
        rules: The rules that are asked about it.
        until: It was judged up to this step.
    """

    reader: HistoryReader
    known: Study
    parent: History
    best: History
    ended: Sequence[Series]
    margin_pct: float
    rules: tuple[StopRule, ...]
    until: int = -1


class _EndedCurves(Sequence[Series]):
    """Curves of the objective of jobs that ended, each read when it is first looked at."""

    def __init__(self, read: Callable[[Job], Series | None], jobs: Sequence[Job]) -> None:
        self._read = read
        self._jobs = jobs

    def __len__(self) -> int:
        return len(self._jobs)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return self._read(self._jobs[place]) or Series.of([])


class Watcher:
    """Asks stop rules about running jobs; decides nothing itself and ends nothing itself.

    It can sit beside the jobs of a whole study (`start`, a thread of its own) or beside one job (`look`
    called from anywhere). Each look costs as much as the rows that are new.
    """

    def __init__(
        self,
        watching: Watching,
        metrics: Metrics,
        study_dir: Path,
        study: Callable[[], Study],
        stop: Callable[[Job, StopDecision], None],
        only: int | None = None,
        probed: Callable[[ProbeComparison], None] | None = None,
    ) -> None:
        """Set up; nothing is watched yet.

        Args:
            watching: The rules and how often.
            metrics: Aliases and the objective.
            study_dir: The study's directory.
            study: Gives the record as it is now; called from the watcher's thread.
            stop: Called once for each running job that is to end, with the reason; from the watcher's thread.
            only: Number of the one job to ask the rules about; None for all that run.
            probed: Called once, from the watcher's thread, with the comparison of the learning rate's probes;
                None if there are none.
        """
        self._watching = watching
        self._metrics = metrics
        self._study_dir = study_dir
        self._study = study
        self._stop = stop
        self._probed = probed
        self._only = only
        self._watched: dict[str, _Watched] = {}  # by run dir: a job started again begins anew
        self._objectives: dict[int, Series | None] = {}
        self._known: dict[int, tuple[Study, float, _EndedCurves]] = {}  # by the event that planned a round
        self._stopped: set[int] = set()
        self._broken: set[str] = set()
        self._problem = ""  # what went wrong at the last look
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look at all running jobs again and again, in a thread, until `close`."""
        if (self._watching.rules or self._probed) and self._thread is None:
            self._closing.clear()
            self._thread = threading.Thread(target=self._watch, name="autoloop-watcher", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def look(self) -> None:
        """Look once at every running job."""
        study = self._study()
        self._aim_at(study)
        running = [job for job in study.running() if job.job not in self._stopped]
        running = [job for job in running if self._only in (None, job.job)]
        self._watched = {
            job.run_dir: self._watched[job.run_dir] for job in running if job.run_dir in self._watched
        }
        for job in running:
            decision = self._judge(study, job)
            if decision is not None:
                self._stopped.add(job.job)
                self._stop(job, decision)
        if self._probed is not None and study.tally.probes and study.probed is None:
            self._look_at_probes(study, self._probed)

    def _look_at_probes(self, study: Study, probed: Callable[[ProbeComparison], None]) -> None:
        """Compare the probes and the baseline, as far as they have come, and end those that are behind."""
        jobs = [baseline_of(study), *probes_of(study)]
        if not any(job.running for job in jobs[1:]):
            return
        until = int(jobs[1].plan.evidence["until"])
        names = {job.job: job.name for job in jobs}
        found = compared(jobs[0].job, {job.job: self._runner(job) for job in jobs}, until, study.maximize)
        if not found.open:
            probed(found)
        for job in jobs[1:]:
            decision = ended_at(job.job, found, names, study.maximize) if job.running else None
            if decision is not None and job.job not in self._stopped:
                self._stopped.add(job.job)
                self._stop(job, decision)

    def _runner(self, job: Job) -> Runner:
        """A job as far as it has come."""
        if not job.started:
            return Runner()
        completed = job.state is TrialState.COMPLETE
        return Runner(self._curves(job).get(self._metrics.objective), job.state is not None, completed)

    def judge_ended(self, study: Study, job: Job) -> StopDecision | None:
        """Say whether a job that came to its end would have been stopped, had somebody looked in time."""
        self._aim_at(study)
        curves = self._curves(job) if self._is_watched(study, job) else History({})
        return self._ask(job, self._begin(study, job), curves) if len(curves) else None

    def _aim_at(self, study: Study) -> None:
        """Take up what the study is judged by; once that has changed, what was kept of the other is gone."""
        metrics = self._metrics.aimed(study.aim)
        if metrics != self._metrics:
            self._metrics, self._watched, self._objectives, self._known = metrics, {}, {}, {}

    def _watch(self) -> None:
        while not self._closing.wait(self._watching.interval_s):
            self._look_safely()

    def _look_safely(self) -> None:
        try:
            self.look()
        except Exception as error:  # the border of the thread: logged once, and tried again at the next look
            problem = f"{type(error).__name__}: {error}"
            if problem != self._problem:
                log.exception("the jobs could not be watched this time")
            self._problem = problem
        else:
            self._problem = ""

    def _judge(self, study: Study, job: Job) -> StopDecision | None:
        """Ask the rules about the steps that are new."""
        if not self._is_watched(study, job):
            return None
        if job.run_dir not in self._watched:
            self._watched[job.run_dir] = self._begin(study, job)
        watched = self._watched[job.run_dir]
        runs = watched.reader.runs
        watched.reader.update()
        if watched.reader.runs != runs:  # another run of the job, whose steps begin anew
            watched.until = -1
        return self._ask(job, watched, self._metrics.canonical(watched.reader.history()))

    def _is_watched(self, study: Study, job: Job) -> bool:
        """Whether rules are asked about a job: a starting point, which all is measured by, is never ended."""
        return bool(self._watching.rules) and study.parent(job) is not None

    def _ask(self, job: Job, watched: _Watched, history: History) -> StopDecision | None:
        if not len(history):
            return None
        live = Live(
            job.name,
            history,
            self._metrics.objective,
            watched.known.maximize,
            watched.parent,
            watched.best,
            watched.ended,
            watched.margin_pct,
        )
        after, watched.until = watched.until, max(int(series.steps[-1]) for series in history.values())

        def safe(step: int) -> bool:
            return self._is_protected(watched.known, history.until(step))

        return first_stop(watched.rules, live, safe, after, self._rule_failed)

    def _begin(self, study: Study, job: Job) -> _Watched:
        known, margin_pct, ended = self._as_of(study, job)
        parent, best, rules = known.parent(job), known.best(), self._watching.rules
        if job.is_repeat:
            rules = tuple(rule for rule in rules if not rule.spares)
        return _Watched(
            HistoryReader(
                self._study_dir / job.run_dir,
                objective=self._metrics.objective_names,
                lines=self._metrics.lines,
            ),
            known,
            self._curves(parent) if parent is not None and parent.known else History({}),
            self._curves(best) if best is not None else History({}),
            ended,
            margin_pct,
            rules,
        )

    def _as_of(self, study: Study, job: Job) -> tuple[Study, float, _EndedCurves]:
        """What had ended when a job was planned, its noise and curves; a round's jobs share the answer."""
        if job.planned_as not in self._known:
            known = study.when_planned(job)
            latest = dict(list(self._known.items())[-KEPT_ROUNDS + 1 :])
            ended = _EndedCurves(self._objective, _comparable(known))
            self._known = {**latest, job.planned_as: (known, noise(known).margin_pct(), ended)}
        return self._known[job.planned_as]

    def _is_protected(self, known: Study, history: History) -> bool:
        """Whether a job is among the best, at the step it has come to."""
        metric = self._metrics.objective
        others = [self._objective(job) for job in known.counted() if job.known and not job.measures]
        curves: Sequence[Series] = [series for series in others if series is not None]
        return protected(history.get(metric), curves, self._watching.protect_top, known.maximize)

    def _curves(self, job: Job) -> History:
        return read_curves(self._study_dir / job.run_dir, self._metrics)

    def _objective(self, job: Job) -> Series | None:
        """The curve of the objective of a job that ended, as far as it counts."""
        if job.job not in self._objectives:
            series = self._curves(job).get(self._metrics.objective)
            if series is not None and job.stop_step is not None:
                series = series.until(job.stop_step)
            self._objectives[job.job] = series
        return self._objectives[job.job]

    def _rule_failed(self, rule: StopRule, error: Exception) -> None:
        if rule.name not in self._broken:
            self._broken.add(rule.name)
            log.warning("stop rule %s fails and ends no job: %s: %s", rule.name, type(error).__name__, error)


def _comparable(known: Study) -> list[Job]:
    """The jobs that others are compared with at the same step: the latest that completed or were stopped."""
    states = (TrialState.COMPLETE, TrialState.STOPPED)
    return [job for job in known.counted() if job.state in states and not job.measures][-MOST_ENDED:]
