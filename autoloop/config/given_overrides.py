"""Overrides of ``autoloop.train`` that Hydra would read in another sense than their user means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from autoloop.config.rerun import OF_SINGLE_RUN
from autoloop.config.sets import ENTRIES
from autoloop.config.top_keys import OF_STUDY
from autoloop.edits.argv import split_sweep
from autoloop.errors import ConfigError, did_you_mean

#: Settings of a study that mean nothing to a single run.
OF_STUDY_ALONE = OF_STUDY.difference(OF_SINGLE_RUN)


def with_contents(overrides: Iterable[str], groups: Collection[str]) -> Iterator[str]:
    """Yield the overrides, those that give a config group as a mapping in a form that Hydra lays over it.

    Hydra refuses a mapping with keys that the chosen file does not have. A mapping with a class of its own
    (``strategy={_target_: my.Strategy}``) takes the place of that file, since its settings are others.

    Args:
        overrides: The command line; its flags are yielded as they are.
        groups: The config groups of which the app's defaults choose a file.
    """
    for override in overrides:
        key, _, value = override.partition("=")
        if key not in groups or not value.startswith("{"):
            yield override
        elif "_target_" in _mapping(override):
            yield from (f"~{key}", f"+{override}")
        else:
            yield f"++{override}"


def _mapping(override: str) -> Mapping[str, Any]:
    """The mapping that an override gives; empty where it cannot be read, which Hydra tells later."""
    try:
        value: Any = OverridesParser.create().parse_override(override).value()
    except HydraException:
        return {}
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def refuse_lists_alone(overrides: Iterable[str], edits: Sequence[str]) -> None:
    """Refuse lists of values where one job is trained.

    Args:
        overrides: Those of a command line without ``-m``.
        edits: Its edits.

    Raises:
        ConfigError: One has several values.
        EditError: An edit cannot be read.
    """
    swept = [edit for edit in edits if split_sweep([edit])[1]]
    swept += [override for override in overrides if _is_swept(override)]
    if swept:
        key, _, value = swept[0].partition("=")
        instead = "" if swept[0] in edits else f", or write {key}=[{value}] for a list"
        raise ConfigError(
            f"{swept[0]} gives several values, but without -m only one job is trained: "
            f"add -m for a job with each of them{instead}"
        )


def _is_swept(override: str) -> bool:
    try:
        return bool(OverridesParser.create().parse_override(override).is_sweep_override())
    except HydraException:
        return False  # Hydra tells that itself


def settings_of_study(overrides: Iterable[str], knobs: Collection[str]) -> list[str]:
    """The overrides that set what only a study has.

    Args:
        overrides: Those of a command line.
        knobs: Settings of autoloop that stand at the top of the app's config.
    """
    ours = OF_STUDY_ALONE.intersection(knobs)
    return [
        override for override in overrides if override.lstrip("+").partition("=")[0].partition(".")[0] in ours
    ]


def refuse_unknown_entries(overrides: Sequence[str], config: Mapping[str, Any]) -> None:
    """Refuse a null for a rule, stop rule, bound or condition that the chosen file does not have.

    Args:
        overrides: Those of a command line.
        config: The app's config as it is without the null ones among them.

    Raises:
        ConfigError: One switches off what is not there.
    """
    for override in switched_off(overrides):
        group, _, name = override.lstrip("+").partition("=")[0].partition(".")
        known = config.get(group) or {}
        if name not in known:
            raise ConfigError(
                f"{override}: there is no {ENTRIES[group]} {name!r} to switch off{did_you_mean(name, known)} "
                f"(there are {', '.join(map(str, known)) or 'none'})"
            )


def switched_off(overrides: Iterable[str]) -> list[str]:
    """The overrides that add a null below a set, as ``+rules.plateau=null`` does."""
    adding = [
        override
        for override in overrides
        if override.startswith("+") and override.partition("=")[2] in ("null", "None")
    ]
    found = (override.lstrip("+").partition("=")[0].partition(".") for override in adding)
    return [
        override
        for override, (group, _, name) in zip(adding, found, strict=True)
        if group in ENTRIES and name and (group == "bounds" or "." not in name)
    ]
