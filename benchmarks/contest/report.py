"""From raw results to the section of docs/benchmarks.md and its plots; nothing in them is written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contest.catalogue import tasks
from contest.plot import plot
from contest.rivals import BUDGETS, MEANT, SHARE, STOP_RULES
from contest.score import interval, p_worse, regret
from contest.task import Floats

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PICTURE = "strategies.svg"
BEGIN, END = "<!-- strategies:begin -->", "<!-- strategies:end -->"
OURS, SHORT, LONG = "mixed", "mixed_60", "mixed_steps"
STOPPING = (SHORT, LONG)  # rivals with stop rules, which have no number of jobs
SURE = 0.05
ABOUT = {
    "random": "points drawn evenly from the box",
    "optuna_tpe": "Optuna's TPE, multivariate, constant liar",
    "optuna_gp": "Optuna's Gaussian process",
    "halving": "successive halving with the steps of so many jobs",
    "rules_unpaired": "the old Auto Loop: rules on every run, a new seed for each job",
    "rules": "`strategy=rules`: rules on every run, paired seeds",
    "mixed": "`strategy=mixed`",
    "mixed_60": f"`strategy=mixed stop_rules={STOP_RULES}`, with {SHARE:.0%} of the steps",
    "mixed_steps": f"`strategy=mixed stop_rules={STOP_RULES}`, with the steps of so many jobs",
}


@dataclass(frozen=True)
class Scores:
    """Regrets of studies that every rival has run.

    Attributes:
        by_place: (task, rival, budget) -> regrets, one for each study, in the same order for all rivals.
        studies: Task -> how many studies.
    """

    by_place: Mapping[tuple[str, str, int], Floats]
    studies: Mapping[str, int]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, str]], best: Mapping[str, float]) -> Scores:
        """Score raw results; a study that a rival lacks is left out for all."""
        found: dict[tuple[str, str, int], dict[int, float]] = {}
        for row in rows:
            place = row["task"], row["rival"], int(row["budget"])
            fresh, baseline = (
                [float(value) for value in row[name].split()] for name in ("fresh", "baseline")
            )
            found.setdefault(place, {})[int(row["study"])] = regret(fresh, baseline, best[row["task"]])
        common = {
            task: sorted(set.intersection(*(set(one) for place, one in found.items() if place[0] == task)))
            for task in {place[0] for place in found}
        }
        kept = {place: np.array([one[study] for study in common[place[0]]]) for place, one in found.items()}
        return cls(kept, {task: len(studies) for task, studies in common.items()})

    @property
    def rivals(self) -> list[str]:
        """The rivals that the raw results tell of."""
        told = {rival for _, rival, _ in self.by_place}
        return [rival for rival in ABOUT if rival in told]

    def of_rival(self, rival: str, budget: int) -> dict[str, Floats]:
        """Task -> regrets, in the order of the catalogue."""
        places = ((name, (name, rival, budget)) for name in tasks())
        return {name: self.by_place[place] for name, place in places if place in self.by_place}

    def mean(self, rival: str, budget: int) -> float:
        """Mean over tasks of the means over studies."""
        return float(np.mean([one.mean() for one in self.of_rival(rival, budget).values()]))

    def wins(self, rival: str, budget: int) -> int:
        """Studies in which no rival with whole trainings had a lower regret."""
        others = [self.of_rival(other, budget) for other in self.rivals if other not in STOPPING]
        mine = self.of_rival(rival, budget)
        least = {task: np.min([other[task] for other in others], axis=0) for task in mine}
        return sum(int((one <= least[task] + 1e-12).sum()) for task, one in mine.items())

    def best_other(self, task: str, budget: int) -> str:
        """The rival that is none of ours with the lowest mean on a task."""
        others = [name for name in self.rivals if name not in (OURS, *STOPPING, "rules")]
        return min(others, key=lambda name: self.by_place[task, name, budget].mean())


def report(rows: Sequence[Mapping[str, str]], best: Mapping[str, float]) -> None:
    """Write the section and its picture."""
    scores = Scores.of(rows, best)
    PAGE.write_text(replaced(PAGE.read_text(), section(scores)))
    PAGE.with_name(PICTURE).write_text(picture(scores))


def replaced(page: str, content: str) -> str:
    """The page with the section's content replaced."""
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def picture(scores: Scores) -> str:
    """The plot of mean regrets with their intervals."""
    marks = {
        rival: [(scores.mean(rival, budget), *interval(scores.of_rival(rival, budget))) for budget in BUDGETS]
        for rival in scores.rivals
    }
    return plot(
        marks, [f"{budget} jobs" for budget in BUDGETS], "mean regret over all tasks (0: the best known)"
    )


def section(scores: Scores) -> str:
    """The section's content."""
    parts = [
        _size(scores),
        "\n".join(_overview(scores)),
        f"![Mean regret with 95 % intervals]({PICTURE})",
        "What was aimed at:",
        "\n".join(f"- {line}" for line in aims(scores)),
        *("\n".join(_by_task(scores, budget)) for budget in BUDGETS),
        "\n".join(_tasks()),
    ]
    return "\n\n".join(parts)


def _size(scores: Scores) -> str:
    counts = sorted(set(scores.studies.values()))
    studies = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    told = f"{len(scores.studies)} tasks, {studies} studies of each by every rival."
    if counts[0] >= MEANT:
        return told
    fewest = ", ".join(f"{task} {count}" for task, count in sorted(scores.studies.items()) if count < MEANT)
    return f"{told}\n**Not complete**: {MEANT} studies were meant, and there are fewer of {fewest}."


def _overview(scores: Scores) -> Iterator[str]:
    heads = [f"{budget} jobs: regret | 95 % interval | best in" for budget in BUDGETS]
    yield f"| rival | what it is | {' | '.join(heads)} |"
    yield "|---|---|" + "---|" * 3 * len(BUDGETS)
    for rival in scores.rivals:
        cells = []
        for budget in BUDGETS:
            low, high = interval(scores.of_rival(rival, budget))
            wins = "" if rival == SHORT else f"{scores.wins(rival, budget)} of {sum(scores.studies.values())}"
            cells += [f"{scores.mean(rival, budget):.3f}", f"{low:.3f} to {high:.3f}", wins]
        yield f"| `{rival}` | {ABOUT[rival]} | {' | '.join(cells)} |"


def _by_task(scores: Scores, budget: int) -> Iterator[str]:
    yield f"Mean regret by task after {budget} jobs; the last column sets `{OURS}` against the best rival"
    yield "that is not ours, with the one-sided probability of such a difference by chance:"
    yield ""
    yield f"| task | {' | '.join(f'`{rival}`' for rival in scores.rivals)} | `{OURS}` against the best |"
    yield "|---|" + "---|" * (len(scores.rivals) + 1)
    for task in scores.of_rival(OURS, budget):
        cells = [f"{scores.by_place[task, rival, budget].mean():.3f}" for rival in scores.rivals]
        yield f"| {task} | {' | '.join(cells)} | {_against(scores, task, budget)} |"


def _against(scores: Scores, task: str, budget: int) -> str:
    other = scores.best_other(task, budget)
    mine, theirs = scores.by_place[task, OURS, budget], scores.by_place[task, other, budget]
    if mine.mean() <= theirs.mean():
        return f"{theirs.mean() - mine.mean():.3f} better than `{other}`, p = {p_worse(theirs, mine):.2g}"
    return f"{mine.mean() - theirs.mean():.3f} worse than `{other}`, p = {p_worse(mine, theirs):.2g}"


def _tasks() -> Iterator[str]:
    yield "| task | what is wrong with its baseline |"
    yield "|---|---|"
    for task in tasks().values():
        yield f"| {task.name} | {task.about} |"


def aims(scores: Scores) -> Iterator[str]:
    """What the strategies were to reach, each reached or missed and by how much."""
    for budget in BUDGETS:
        yield _lowest(scores, budget, OURS, f"{budget} jobs")
    for budget in BUDGETS if LONG in scores.rivals else ():
        yield _lowest(scores, budget, LONG, f"the steps of {budget} jobs")
    for budget in BUDGETS:
        yield _nowhere_worse(scores, budget)
    for budget in BUDGETS:
        yield _fewer_steps(scores, budget)
    yield _half_the_jobs(scores)


def _told(reached: bool) -> str:
    return "Reached" if reached else "**Missed**"


def _lowest(scores: Scores, budget: int, ours: str, after: str) -> str:
    others = {rival: scores.mean(rival, budget) for rival in scores.rivals if rival not in (OURS, *STOPPING)}
    next_best = min(others, key=others.__getitem__)
    mine = scores.mean(ours, budget)
    numbers = f"{mine:.3f}, the best other is `{next_best}` with {others[next_best]:.3f}"
    aim = f"`{ours}` has the lowest mean regret after {after}"
    return f"{_told(mine <= others[next_best])}: {aim} ({numbers})."


def _nowhere_worse(scores: Scores, budget: int) -> str:
    worse = []
    for task, mine in scores.of_rival(OURS, budget).items():
        other = scores.best_other(task, budget)
        chance = p_worse(mine, scores.by_place[task, other, budget])
        if chance < SURE:
            worse.append(f"{task} (`{other}`, p = {chance:.2g})")
    found = f"; worse on {', '.join(worse)}" if worse else ""
    aim = f"after {budget} jobs `{OURS}` is on no task significantly worse than the best rival there"
    fewest = min(scores.studies.values())
    if 2.0**-fewest >= SURE:
        return f"**Not decided**: {aim}; {fewest} studies cannot show a difference at p < {SURE}."
    return f"{_told(not worse)}: {aim} (p < {SURE}, not corrected for the number of tasks){found}."


def _fewer_steps(scores: Scores, budget: int) -> str:
    curves = [
        name for name, task in tasks().items() if task.curves and (name, SHORT, budget) in scores.by_place
    ]
    gaps = {
        name: scores.by_place[name, SHORT, budget] - scores.by_place[name, OURS, budget] for name in curves
    }
    gap, (low, high) = float(np.mean([one.mean() for one in gaps.values()])), interval(gaps)
    aim = f"with stop rules {SHARE:.0%} of the steps of {budget} jobs lead as far, on tasks with curves"
    numbers = f"regret {gap:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
    return f"{_told(gap <= 0)}: {aim} ({numbers})."


def _half_the_jobs(scores: Scores) -> str:
    mine = scores.by_place["act_ot", OURS, BUDGETS[0]]
    theirs = scores.by_place["act_ot", "optuna_tpe", BUDGETS[1]]
    aim = f"on `act_ot` `{OURS}` has after {BUDGETS[0]} jobs what Optuna's TPE has after {BUDGETS[1]}"
    numbers = f"regret {mine.mean():.3f} against {theirs.mean():.3f}"
    return f"{_told(mine.mean() <= theirs.mean())}: {aim} ({numbers})."
