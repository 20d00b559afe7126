"""What other rules, or other thresholds, would have decided on an old study: no job is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from autoloop.config.values import plain, seen
from autoloop.curves.metrics import Metrics
from autoloop.history import read_history
from autoloop.history.files import read_note
from autoloop.rules import Decision, Rule, judge
from autoloop.store.files import inside
from autoloop.store.reading import read_history_of
from autoloop.study.record import Job, Study
from autoloop.study.trials import Trial
from autoloop.views.report.text import clean


class Comparison(str, Enum):
    """How a decision differs from the one that was taken."""

    SAME = "="  # fires with the same edits, then and now
    NEW = "+"  # fires now, was silent or not asked then
    GONE = "-"  # fired then, is silent now
    CHANGED = "~"  # fires with other edits


@dataclass(frozen=True, slots=True)
class Compared:
    """One rule on one trial, then and now; at least one of the two fired.

    Attributes:
        round: Number of the round.
        trial: Name of the trial that was judged.
        rule: Name of the rule.
        verdict: How the two differ.
        then: Edits that were proposed then.
        now: Edits that are proposed now.
        reason: What the rule says now; where it is not among the rules, what it said then.
    """

    round: int
    trial: str
    rule: str
    verdict: Comparison
    then: tuple[str, ...]
    now: tuple[str, ...]
    reason: str


def replay_study(study: Study, study_dir: Path, rules: Sequence[Rule], metrics: Metrics) -> list[Compared]:
    """Ask rules about every round of a study as if each had just ended, and compare with what was decided.

    Args:
        study: Its record.
        study_dir: Its directory, where the histories are.
        rules: The rules to ask.
        metrics: Aliases and goals.
    """
    known: dict[str, Trial] = {}
    compared: list[Compared] = []
    for number in study.rounds:
        jobs = [job for job in study.of_round(number) if job.state is not None and not job.measures]
        trials = [_trial(job, study_dir) for job in jobs]
        judged = [read_history_of(trial, study_dir, metrics) for trial in trials]
        now = judge(rules, judged, {**known, **{trial.name: trial for trial in judged}})
        compared += _compare(number, study.decisions.get(number, ()), now)
        known.update((trial.name, trial) for trial in trials)
    return compared


def _compare(number: int, then: Sequence[Decision], now: Sequence[Decision]) -> Iterator[Compared]:
    """Every rule and trial of a round on which something fired, in the order of today's rules."""
    before = {(decision.judged, decision.rule): decision for decision in then}
    after = {(decision.judged, decision.rule): decision for decision in now}
    for trial, rule in dict.fromkeys([*after, *before]):
        old, new = before.get((trial, rule)), after.get((trial, rule))
        was, edits = old.edits if old else (), new.edits if new else ()
        if was or edits:
            reason = new.reason if new else f"no such rule now; then: {old.reason if old else ''}"
            yield Compared(number, trial, rule, _verdict(was, edits), was, edits, reason)


def _verdict(then: tuple[str, ...], now: tuple[str, ...]) -> Comparison:
    if then == now:
        return Comparison.SAME
    return Comparison.CHANGED if then and now else Comparison.NEW if now else Comparison.GONE


def _trial(job: Job, study_dir: Path) -> Trial:
    """A job as the trial that the rules saw, without its curves."""
    return job.trial(job.plan.variant(job_config(inside(study_dir, job.run_dir)), job.plan.overrides))


def job_config(run_dir: Path) -> Mapping[str, Any]:
    """The config that rules see of a job: what Hydra composed, else what it logged to W&B; may be empty."""
    composed = run_dir / ".hydra" / "config.yaml"
    try:
        loaded = OmegaConf.create(read_note(composed))
        if isinstance(loaded, DictConfig):
            return seen(plain(loaded), OmegaConf.select(loaded, "autoloop.root"))
    except (OSError, OmegaConfBaseException, YAMLError, UnicodeDecodeError, RecursionError):
        pass  # not a Hydra job, or its directory was cleared: the W&B record may still have it
    run = read_history(run_dir, keys=()).run
    return run.config if run else {}


def replay_text(compared: Sequence[Compared]) -> str:
    """Return a replay as text: each rule that fired then or now, and how often each verdict was given."""
    lines: list[str] = []
    place = (0, "")
    for entry in compared:
        if entry.round != place[0]:
            lines += ["", f"round {entry.round}"]
        if (entry.round, entry.trial) != place:
            lines.append(f"  {clean(entry.trial)}")
        place = (entry.round, entry.trial)
        lines += [f"    {line}" for line in _lines(entry)]
    words = {
        Comparison.SAME: "as before",
        Comparison.CHANGED: "with other edits",
        Comparison.NEW: "new",
        Comparison.GONE: "gone",
    }
    counts = (
        f"{sum(entry.verdict is verdict for entry in compared)} {word}" for verdict, word in words.items()
    )
    return "\n".join([*lines, "", f"decisions with edits: {', '.join(counts)}"]).lstrip("\n")


def _lines(entry: Compared) -> Iterator[str]:
    yield f"{entry.verdict.value} {clean(entry.rule)}: {clean(entry.reason)}"
    changed = entry.verdict is Comparison.CHANGED
    if entry.then and entry.now != entry.then:
        yield f"    {'then  ' if changed else ''}{clean(' '.join(entry.then))}"
    if entry.now:
        yield f"    {'now   ' if changed else ''}{clean(' '.join(entry.now))}"
