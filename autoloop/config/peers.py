"""What config files say to the sweepers of other tools, in our own settings.

A search space, a budget and a goal mean the same in every sweeper: what a file says in the words of Optuna's,
Ax's or Nevergrad's sweeper is read, and said in ours. Pure: mappings in, settings and sentences out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoloop.edits import format_literal

KEYS = ("ax_config", "optim", "parametrization", "custom_search_space")
"""Keys of other sweepers that are read here, besides those that are settings of ours too."""

SAMPLERS = {
    "TPESampler": "tpe",
    "GPSampler": "optuna_gp",
    "RandomSampler": "random",
    "QMCSampler": "quasi_random",
    "GridSampler": "quasi_random",
    "tpe": "tpe",
    "random": "random",
    "gp": "optuna_gp",
    "qmc": "quasi_random",
    "grid": "quasi_random",
}
"""Optuna's samplers, by class and by the names that its Hydra plugin gives them -> ours."""

OPTUNAS = ("tpe", "optuna_gp")
"""Those of them that need Optuna."""

_SCALAR = ("init", "step", "lower", "upper", "log", "integer")


@dataclass(slots=True)
class Adopted:
    """What a sweeper's node says in our settings.

    Attributes:
        settings: Name -> value.
        notes: What was read or left out, a sentence for each.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def set_default(self, name: str, value: Any) -> None:
        """Set what is not set yet; a seed of 0 is none."""
        if value is not None and self.settings.get(name) in (None, 0):
            self.settings[name] = value


def adopted(node: Mapping[str, Any], sampler: str | None = None, optuna: bool = True) -> Adopted:
    """Say in our settings what a sweeper's node says.

    Args:
        node: Of ``hydra.sweeper``, as plain values, written for whichever sweeper.
        sampler: The option of ``hydra/sweeper/sampler`` that its file chose.
        optuna: Whether Optuna is installed.
    """
    result = Adopted({key: value for key, value in node.items() if key not in KEYS})
    params = dict(node.get("params") or {})
    for key, read in _READERS.items():
        if node.get(key):
            params |= read(node[key], result)
    if params:
        result.settings["params"] = {str(path): _param(value) for path, value in params.items()}
    goals = result.settings.get("direction")
    if isinstance(goals, Sequence) and not isinstance(goals, str) and len(goals) == 1:
        result.settings["direction"] = goals[0]
    given = result.settings.get("sampler")
    if isinstance(given, Mapping) or (given is None and sampler is not None):
        result.settings["sampler"] = None
        _take_sampler(given or {}, sampler, optuna, result)
    return result


def _take_sampler(given: Mapping[str, Any], chosen: str | None, optuna: bool, result: Adopted) -> None:
    """One of Optuna's samplers as ours, with its seed."""
    name = str(given.get("_target_") or chosen or "").rpartition(".")[2]
    if isinstance(given.get("seed"), int):
        result.set_default("seed", given["seed"])
    ours = SAMPLERS.get(name)
    if ours in OPTUNAS and not optuna:
        result.notes.append(f"sampler {name} needs pip install 'autoloop[optuna]': the built-in one chooses")
    elif ours:
        result.settings["sampler"] = ours
    elif name:
        result.notes.append(f"sampler {name} is none of ours: the built-in one chooses (sampler=gaussian)")


def _of_ax(given: Mapping[str, Any], result: Adopted) -> dict[str, Any]:
    """Ax's ``ax_config``: its space; trials, goal and seed go to the result."""
    experiment = given.get("experiment") or {}
    result.set_default("n_trials", given.get("max_trials"))
    if "minimize" in experiment:
        result.set_default("direction", "minimize" if experiment["minimize"] else "maximize")
    if experiment.get("objective_name") not in (None, "objective"):
        metrics = result.settings.get("metrics")
        aim = {"objective": experiment["objective_name"]}
        result.settings["metrics"] = {**(metrics if isinstance(metrics, Mapping) else {}), **aim}
    seed = (given.get("client") or {}).get("random_seed")
    result.set_default("seed", seed)
    result.notes.append(
        "ax_config is Ax's: its params, max_trials and goal are read as params, n_trials and direction"
    )
    if experiment.get("parameter_constraints"):
        result.notes.append("ax_config.experiment.parameter_constraints is ignored")
    if experiment.get("outcome_constraints"):
        result.notes.append(
            "ax_config.experiment.outcome_constraints is ignored: write constraints: {NAME: '<= 20'}"
        )
    if given.get("early_stop"):
        result.notes.append(
            "ax_config.early_stop is ignored: patience=N ends a study after N rounds without a gain"
        )
    return {path: _of_ax_param(param) for path, param in (given.get("params") or {}).items()}


def _of_ax_param(param: Any) -> Any:
    if not isinstance(param, Mapping):
        return param
    kind = param.get("type", "range" if "bounds" in param else "fixed")
    if kind == "choice":
        return {"choices": list(param.get("values", ()))}
    if kind == "fixed":
        return param.get("value")
    low, high = param["bounds"]
    entry: dict[str, Any] = {"low": low, "high": high, "log": bool(param.get("log_scale"))}
    whole = param.get("value_type") == "int"
    return {**entry, "type": "int"} if whole else entry


def _of_nevergrad(given: Mapping[str, Any], result: Adopted) -> dict[str, Any]:
    """Nevergrad's ``optim``: budget, workers and goal go to the result."""
    result.set_default("n_trials", given.get("budget"))
    result.set_default("n_jobs", given.get("num_workers"))
    if "maximize" in given:
        result.set_default("direction", "maximize" if given["maximize"] else "minimize")
    result.set_default("max_failure_rate", given.get("max_failure_rate"))
    result.set_default("seed", given.get("seed"))
    result.notes.append("optim is Nevergrad's: its budget and num_workers are read as n_trials and n_jobs")
    if given.get("optimizer"):
        result.notes.append(f"optim.optimizer {given['optimizer']} is none of ours: the built-in one chooses")
    return {}


def _of_parametrization(given: Mapping[str, Any], result: Adopted) -> dict[str, Any]:
    result.notes.append("parametrization is read as params")
    return dict(given)


def _of_custom_space(given: Any, result: Adopted) -> dict[str, Any]:
    result.notes.append(
        f"custom_search_space {given} is a function of Optuna's trial and is not called: write its knobs "
        "into params, those that depend on another one as {low: .., high: .., where: {other: value}}"
    )
    return {}


_READERS: Mapping[str, Callable[[Any, Adopted], dict[str, Any]]] = {
    "parametrization": _of_parametrization,
    "optim": _of_nevergrad,
    "ax_config": _of_ax,
    "custom_search_space": _of_custom_space,
}


def _param(value: Any) -> Any:
    """A value of ``params``; a scalar as Nevergrad describes it becomes an entry of ours."""
    if not isinstance(value, Mapping) or not set(value) & set(_SCALAR) or set(value) - set(_SCALAR):
        return value
    entry = {"low": value.get("lower"), "high": value.get("upper"), "log": value.get("log")}
    entry |= {"type": "int"} if value.get("integer") else {}
    return {key: one for key, one in entry.items() if one is not None}


def as_hydra(value: Any) -> str:
    """An entry of the space in Hydra's own words, as far as they have some; else as a mapping."""
    if not isinstance(value, Mapping):
        return str(value)
    if set(value) == {"choices"}:
        return f"choice({', '.join(map(format_literal, value['choices']))})"
    ends = (value.get("low"), value.get("high"))
    if None in ends or set(value) - {"low", "high", "log", "type"}:
        return format_literal(value)
    text = f"interval({ends[0]!r}, {ends[1]!r})"
    if value.get("type"):
        text = f"{value['type']}({text})"
    return f"tag(log, {text})" if value.get("log") else text


def lines(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield settings as lines of YAML, for ``hydra.sweeper``."""
    for name, value in settings.items():
        if name == "params":
            yield "params:"
            yield from (f"  {path}: {_yaml(as_hydra(one))}" for path, one in value.items())
        else:
            yield f"{name}: {_yaml(value)}"


def _yaml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_yaml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, str) and value.startswith("{"):
        return value.replace(":", ": ").replace(",", ", ")
    return format_literal(value) if not isinstance(value, str) else _plain_or_quoted(value)


def _plain_or_quoted(text: str) -> str:
    """Text as YAML reads it back."""
    risky = text == "" or text[0] in "!&*-?[]{}|>@`'\"%#" or ": " in text or " #" in text
    return "'" + text.replace("'", "''") + "'" if risky else text


def adoption(config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Say how a config file for another sweeper reads as one for ours.

    Args:
        config: The file, unresolved.

    Returns:
        What stands there that is not ours, a sentence for each; and the lines of YAML to put in its place.
        Both empty where the file says nothing to a sweeper.
    """
    defaults = [_default(entry) for entry in config.get("defaults") or ()]
    chosen = {key.rpartition(" ")[2].lstrip("/"): option for key, option in defaults}
    hydra = config.get("hydra")
    node = (hydra.get("sweeper") if isinstance(hydra, Mapping) else None) or _bare(config)
    sweeper, sampler = chosen.get("hydra/sweeper"), chosen.get("hydra/sweeper/sampler")
    if not node and sweeper is None:
        return [], []
    found = adopted({str(key): value for key, value in node.items() if key != "_target_"}, sampler)
    ours = {key: value for key, value in found.settings.items() if value is not None}
    notes = [*([f"hydra/sweeper: {sweeper} becomes autoloop"] if sweeper not in (None, "autoloop") else ())]
    notes += [f"_target_: {node['_target_']} goes"] if "_target_" in node else []
    notes += [f"override hydra/sweeper/sampler: {sampler} becomes a setting"] if sampler else []
    where = "/" if any(" /" in key or key.startswith("/") for key, _ in defaults) else ""
    block = ["defaults:", f"  - override {where}hydra/sweeper: autoloop"] if sweeper is not None else []
    block += ["hydra:", "  sweeper:", *(f"    {line}" for line in lines(ours))] if ours else []
    return [*notes, *found.notes], block


def _default(entry: Any) -> tuple[str, Any]:
    """The group and option of an entry of a defaults list; empty for a plain one."""
    pairs = entry.items() if isinstance(entry, Mapping) else ()
    return next(((str(key), option) for key, option in pairs), ("", None))


def _bare(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A file whose package is the sweeper itself."""
    return config if set(config) & {*KEYS, "params", "n_trials"} else {}
