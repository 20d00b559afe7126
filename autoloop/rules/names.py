"""What apps call the usual knobs and metrics: one table of each.

A rule for any app says ``<learning_rate>@mul=0.5`` and ``<train_loss>``; here stands what it is in an app.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from autoloop.edits import format_path
from autoloop.errors import ConfigError, did_you_mean
from autoloop.rules.paths import is_number

OBJECTIVE = "<objective>"

KNOBS: dict[str, tuple[str, ...]] = {
    "<learning_rate>": (
        *("lr", "learning_rate", "learningrate", "*_lr", "*_learning_rate", "lr_rate", "lr0", "eta"),
        *("lr_init", "lr_initial", "lr_base", "lr_max", "lr_peak", "lr_start", "learning_rate_init"),
        *("lr_actor", "lr_critic", "lr_policy", "lr_value", "lr_head", "lr_backbone", "*_lr_backbone"),
        *("lr_encoder", "lr_decoder", "lr_g", "lr_d", "lr_pi", "lr_q"),
        *("!*min*", "!*end*", "!*final*", "!*warmup*", "!*warm_up*", "!*decay*", "!log*", "!num_*", "!n_*"),
    ),
    "<weight_decay>": (
        *("weight_decay", "weightdecay", "*_weight_decay", "wd", "*_wd", "l2", "l2_reg", "l2_penalty"),
        *("!no_*", "!*end*", "!*final*"),
    ),
    "<dropout>": (
        *("dropout", "*_dropout", "dropout_*", "*_dropout_*", "drop_rate", "pdrop", "*_pdrop", "p_drop"),
        *("*_drop_rate", "drop_prob", "*_drop_prob"),
    ),
    "<batch_size>": (
        *("batch_size", "batchsize", "*_batch_size", "*_batchsize", "batch_size_*", "*_batch_size_*"),
        *("batch", "bs", "bsz", "*_bs", "samples_per_gpu", "imgs_per_gpu", "images_per_gpu"),
        *("!*eval*", "!*val*", "!*test*", "!*pred*", "!*infer*", "!*max*"),
    ),
    "<width>": (
        *(
            "width",
            "*_width",
            "hidden",
            "hidden_size",
            "hidden_dim",
            "hidden_units",
            "n_hidden",
            "num_hidden",
        ),
        *("d_model", "dim_model", "model_dim", "embed_dim", "n_embd", "units", "n_units", "num_units"),
        *("channels", "n_channels", "base_channels", "num_filters", "n_filters"),
        *("!image*", "!img*", "!input*", "!screen*", "!line*", "!window*", "!in_*"),
    ),
    "<accumulation>": (
        *("gradient_accumulation_steps", "accumulate_grad_batches", "accumulation_steps", "accum_iter"),
        *("*_accumulation_steps", "gradient_accumulation", "grad_accumulation", "grad_accum", "grad_accum_*"),
    ),
}
"""Name -> what the last key of such a number's path is in small letters; after ``!``: what it is not."""

_ASIDE = ("autoloop", "eval", "evaluation", "val", "valid", "validation", "test", "predict")
"""Keys below which no knob of the training stands."""

_EVALUATIONS = ("eval", "val", "valid", "validation", "evaluation", "dev", "test")
METRICS: dict[str, tuple[str, ...]] = {
    "<train_loss>": (
        *(
            "train/loss",
            "training/loss",
            "loss/train",
            "loss/training",
            "train/loss/epoch",
            "train/epoch/loss",
        ),
        *("train/total/loss", "train/loss/total", "total/loss/train", "train/loss/step", "*/train/loss"),
        *("*/loss/train", "loss", "total/loss", "loss/total", "epoch/loss", "loss/epoch", "losses/total"),
        *("losses/loss", "losses/total/loss"),
    ),
    "<eval_loss>": tuple(
        pattern.format(word)
        for word in _EVALUATIONS
        for pattern in (
            *("{}/loss", "loss/{}", "{}/loss/epoch", "{}/epoch/loss", "{}/total/loss", "{}/avg/loss"),
            *("{}/mean/loss", "*/{}/loss", "*/loss/{}", "{}/*/avg/loss"),
        )
    ),
    "<grad_norm>": (
        *("train/grad/norm", "grad/norm", "train/gradient/norm", "gradient/norm", "*/grad/norm"),
        *("*/gradient/norm", "grad/*norm/total", "*/grad/*norm/total"),
    ),
}
"""Name -> what such a metric is called, in small letters, ``/`` for each separator; the first counts."""

LABELS = {
    OBJECTIVE: "the objective",
    "<train_loss>": "the training loss",
    "<eval_loss>": "the evaluation loss",
    "<grad_norm>": "the gradient norm",
    "<learning_rate>": "learning rate (lr, learning_rate, *_lr ..)",
    "<weight_decay>": "weight decay (weight_decay, wd ..)",
    "<dropout>": "dropout (dropout, *_dropout, drop_rate ..)",
    "<batch_size>": "batch size (batch_size, *_batch_size, bs ..)",
    "<width>": "width of the network (width, hidden_size, d_model ..)",
    "<accumulation>": "gradient accumulation",
}
"""The same names in words."""

_SEPARATORS = re.compile(r"[\s/._:|-]+|(?<=[a-z])(?=[A-Z])")


def is_name(text: str) -> bool:
    """Whether a path or metric is one of the names that stand for whatever an app has."""
    return text.startswith("<") and text.endswith(">")


def in_words(names: Iterable[str]) -> list[str]:
    """Return names and paths as a reader understands them, each once."""
    return list(dict.fromkeys(LABELS.get(name, name) for name in names))


def check_name(owner: str, key: str, text: str, known: Iterable[str]) -> None:
    """Refuse a ``<name>`` that no table has.

    Raises:
        ConfigError: It is none of ``known``.
    """
    names = list(known)
    if is_name(text) and text not in names:
        raise ConfigError(
            f"{owner!r}: {key} has {text!r}, which is not a known name{did_you_mean(text, names)}; "
            f"there are {', '.join(names)}"
        )


def spelled(edits: Sequence[str], config: Mapping[str, Any], turned: Iterable[str] = ()) -> tuple[str, ...]:
    """Return edits with the paths that a config really has in the place of names.

    Args:
        edits: Edits as text, each ``path@op=operand``, where the path may be a name of `KNOBS`.
        config: The config.
        turned: Paths that the user's own variants and command line turned: where some of these are the knob
            that is asked for, the others are left alone.

    Returns:
        The edits in their order; one whose name the config has nothing for stays as it is.
    """
    given, result = list(turned), list[str]()
    for edit in edits:
        path, _, rest = edit.partition("@")
        places = (knob_paths(path, config, given) if is_name(path) else ()) or (path,)
        result += [f"{place}@{rest}" for place in places]
    return tuple(result)


def knob_paths(name: str, config: Mapping[str, Any], turned: Iterable[str] = ()) -> tuple[str, ...]:
    """Return where a config has a knob; of several those that are not 0, and those that the user turned.

    Args:
        name: A name of `KNOBS`.
        config: The config.
        turned: See `spelled`.
    """
    found = [
        (format_path(keys), value) for keys, value in _numbers(config, ()) if _is_called(KNOBS[name], keys)
    ]
    found = [place for place in found if place[1] != 0] or found
    given = tuple(turned)
    own = [place for place in found if any(_same_place(place[0], path) for path in given)]
    return tuple(path for path, _ in own or found)


def _numbers(node: Any, keys: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Yield every finite number of a config with the keys that lead to it."""
    if is_number(node) and math.isfinite(node):
        yield keys, node
        return
    if isinstance(node, Mapping):
        children: Iterable[tuple[Any, Any]] = node.items()
    else:
        children = enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if not (isinstance(key, str) and key.lower() in _ASIDE):
            yield from _numbers(child, (*keys, key))


def _is_called(patterns: Sequence[str], keys: Sequence[Any]) -> bool:
    last = next((key.lower().replace("-", "_") for key in reversed(keys) if isinstance(key, str)), "")
    if any(pattern[0] == "!" and fnmatchcase(last, pattern[1:]) for pattern in patterns):
        return False
    return any(fnmatchcase(last, pattern) for pattern in patterns)


def _same_place(place: str, path: str) -> bool:
    """Whether a path of the app's is this place, which may be one of a trainer's config inside it."""
    return path == place or path.endswith(f".{place}")


def logged(name: str, metrics: Iterable[str]) -> str:
    """Return the metric that a name of `METRICS` stands for among those logged; empty where none does."""
    called = {_plain(metric): metric for metric in sorted(metrics, reverse=True)}
    for pattern in METRICS[name]:
        fits = (called[one] for one in sorted(called) if fnmatchcase(one, pattern))
        if found := next(fits, ""):
            return found
    return ""


def is_usual_loss(metric: str) -> bool:
    """Whether a metric is a loss, whatever it is called."""
    return metric.endswith("loss") or _is_known_loss(metric)


@lru_cache(maxsize=4096)
def _is_known_loss(metric: str) -> bool:
    return any(logged(name, [metric]) for name in ("<train_loss>", "<eval_loss>"))


@lru_cache(maxsize=4096)
def _plain(metric: str) -> str:
    """Return the name of a metric in small letters, with a ``/`` for every separator."""
    return _SEPARATORS.sub("/", metric.strip()).lower()
