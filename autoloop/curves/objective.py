"""What a study is judged by, and which way is better: as the user says, or as a name says for sure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autoloop.errors import ConfigError, did_you_mean

RETURNED = "return_value"
"""What the number that a task returns is called among metrics."""

DIRECTIONS = {"minimize": "min", "min": "min", "maximize": "max", "max": "max"}
"""Words for a direction -> the goal."""

LEVELS = {"min": "low", "max": "high"}
"""Goal -> where its metric is best."""

UP = (
    *("success", "reward", "return", "accuracy", "acc", "f1", "auc", "auroc", "map", "iou", "dice", "bleu"),
    *("rouge", "psnr", "ssim", "recall", "precision"),
)
DOWN = (
    *("wer", "cer", "perplexity", "ppl", "nll", "regret", "mae", "mse", "rmse", "error", "err"),
    "loss",
)
"""Words of metrics that are best high, and of those that are best low, the most telling first."""

EVALUATION = ("eval", "evaluation", "val", "valid", "validation", "dev", "test")
"""Words of metrics of data that is not trained on, the first to go by first."""

TRAINING = ("train", "training")

DOUBTFUL = frozenset(
    (
        *(
            "neg",
            "negative",
            "minus",
            "inverse",
            "std",
            "var",
            "variance",
            "scale",
            "weight",
            "coef",
            "coeff",
        ),
        *("lambda", "beta", "time", "count", "size", "norm", "threshold", "step", "steps", "lr", "grad"),
    )
)
"""Words of what is no result, or turns one round: a name that has one of them is sure of nothing."""

_GOALS = {**dict.fromkeys(UP, "max"), **dict.fromkeys(DOWN, "min")}
_GLUED = re.compile(rf"(m|top|{'|'.join((*EVALUATION, *TRAINING))})({'|'.join(_GOALS)})")
_PART = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"F1|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True, slots=True)
class Objective:
    """What a study is judged by; the one place where all that compares results looks.

    Attributes:
        metric: Name of the metric or of the returned result; empty for the one number that a task returns.
        goal: ``min`` or ``max``.
        stat: Which number of its curve counts: ``last``, ``best`` or ``tail_mean``.
        why: How it is known, as a clause; empty where the user said so.
    """

    metric: str = ""
    goal: str = "min"
    stat: str = "last"
    why: str = ""

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Objective:
        """Read it as a journal has it; what is missing there is as it always was."""
        return cls(
            metric=str(recorded.get("metric") or ""),
            goal="max" if recorded.get("goal") == "max" else "min",
            stat=str(recorded.get("stat") or "last"),
            why=str(recorded.get("why") or ""),
        )

    @property
    def maximize(self) -> bool:
        """Whether a larger value is better."""
        return self.goal == "max"

    @property
    def name(self) -> str:
        """What to call it."""
        return self.metric or "the returned value"

    @property
    def description(self) -> str:
        """What is done with it, how that is known, and the setting that changes it."""
        verb, other = ("maximises", "minimize") if self.maximize else ("minimises", "maximize")
        why = f": {self.why}" if self.why else ""
        return f"{verb} {self.name}{why}; hydra.sweeper.direction={other} reverses it"


def words_of(name: str) -> list[str]:
    """The words of a metric's name in lower case: split at signs, digits and camel case; plurals as one."""
    return [word for part in _PART.findall(name) for word in _words_of_part(part)]


def _words_of_part(part: str) -> list[str]:
    """The words between two signs: the whole where it is known (``mAP``), else as they are spelt."""
    whole = _known(part.lower()) or _known(part.lower().rstrip("0123456789"))
    return whole or [one for word in _CAMEL.findall(part) for one in _known(word.lower()) or [word.lower()]]


def _known(word: str) -> list[str]:
    """A word of `UP` and `DOWN`, also from its plural, or with the word it is glued to; else nothing."""
    for tried in (word, word.removesuffix("s"), word.removesuffix("es")):
        if tried in _GOALS:
            return [tried]
    glued = _GLUED.fullmatch(word)
    return [glued[1], glued[2]] if glued else []


def sure_goal(name: str) -> str:
    """``min`` or ``max`` where a metric's name says which; empty where it does not, or says both."""
    words = words_of(name)
    goals = {_GOALS[word] for word in words if word in _GOALS}
    sure = len(goals) == 1 and name != RETURNED and not DOUBTFUL.intersection(words)
    return goals.pop() if sure else ""


def read_direction(given: Any) -> str:
    """``min`` or ``max``; empty where no direction is given.

    Raises:
        ConfigError: It is no direction.
    """
    if given is None or given == "":
        return ""
    word = str(given).rpartition(".")[2].lower()
    if word not in DIRECTIONS:
        raise ConfigError(
            f"direction={given!r} is not one of {', '.join(DIRECTIONS)}{did_you_mean(word, DIRECTIONS)}"
        )
    return DIRECTIONS[word]


def most_telling(names: Iterable[str], goals: Mapping[str, str]) -> str:
    """The metric that says most about a model, empty where none says anything.

    An evaluation's metric that is known comes first, then a loss, then any other that is known.

    Args:
        names: Metrics to choose from.
        goals: Goal of each that has a known one; another is not chosen.
    """
    return min((name for name in names if name in goals), key=_rank, default="")


def _rank(name: str) -> tuple[int, int, int, int, str]:
    words = words_of(name)
    split = next((place for place, word in enumerate(EVALUATION) if word in words), len(EVALUATION))
    known = next((place for place, word in enumerate(_GOALS) if word in words), len(_GOALS))
    if split < len(EVALUATION):
        return 0, min(split, 5), known, len(name), name
    kind = 1 if "loss" in words else 3 if any(word in TRAINING for word in words) else 2
    return kind, 0, known, len(name), name
