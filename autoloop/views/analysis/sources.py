"""Which metric names and rules an analysis goes by: those of the study, of a file, or those shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from autoloop.config.base_config import read_config_file
from autoloop.config.settings import load_group
from autoloop.curves.bounded import texts_in
from autoloop.curves.metrics import Metrics
from autoloop.edits import change, parse_edit, plain
from autoloop.errors import AutoloopError, ConfigError, NoChangeError, NoMatchError, did_you_mean
from autoloop.rules import Rule, build_rules
from autoloop.store.journal import FILE_NAME, read_study
from autoloop.study.record import Study

#: Files of conf/metrics that hold where nothing else is said; the first that has a key keeps it.
SHIPPED_METRICS = ("act_ot", "general")

OWN = "autoloop.rules."
"""Where the classes of autoloop's own rules are."""


def study_in(directory: Path) -> Study | None:
    """The study in a directory; None if there is none.

    Raises:
        JournalError: There is one, but its journal is damaged.
    """
    return read_study(directory) if (directory / FILE_NAME).is_file() else None


def choose_metrics(given: str | None, study: Study | None) -> Metrics:
    """Return the names and goals of metrics to go by.

    Args:
        given: Name of a file of conf/metrics, or a path; None for the study's own.
        study: The study; without one, those of `SHIPPED_METRICS` hold together.

    Raises:
        ConfigError: There is no such file, or it cannot be used.
    """
    if given is not None:
        return Metrics.read(named_or_file("metrics", given))
    if study is not None:
        return study_metrics(study)
    shipped = [load_group("metrics", name) for name in SHIPPED_METRICS]
    merged = {part: _merged(shipped, part) for part in ("aliases", "goals")}
    return Metrics.read(
        {**merged, "finite": [glob for config in shipped for glob in config.get("finite") or ()]}
    )


def study_metrics(study: Study) -> Metrics:
    """Names and goals of metrics as the study has them."""
    settings = _settings(study)
    metrics = replace(Metrics.read(settings.get("metrics") or {}), watched=texts_in(settings))
    return metrics.aimed(study.aim)


def choose_rules(
    given: str | None, study: Study | None, changes: Sequence[str] = (), trust: bool = False
) -> tuple[Rule, ...]:
    """Return the rules to ask.

    Args:
        given: Name of a file of conf/rules, or a path; None for the study's own.
        study: The study, if there is one.
        changes: Settings of those rules to change, each ``rule.setting=value``, ``rule=null`` or an edit.
        trust: Whether classes that only the study's journal names may be imported, not autoloop's own alone.

    Raises:
        ConfigError: There are no such rules or settings, or they are not trusted.
    """
    if given is not None:
        config = named_or_file("rules", given)
    elif study is not None:
        config = _settings(study).get("rules") or {}
        if not isinstance(config, Mapping):
            raise ConfigError(f"the study's settings.rules must be a mapping, not {config!r:.60}")
        if not trust:
            _check_own(config, changes)
    else:
        raise ConfigError("there is no study here whose rules could be taken; name some with --rules")
    rules = tuple(build_rules(changed(config, changes)))
    return tuple(rule.aimed(study.aim) for rule in rules) if study is not None else rules


def _check_own(config: Mapping[str, Any], changes: Sequence[str]) -> None:
    """See to it that a journal leads to no code but autoloop's: importing a module runs it.

    Raises:
        ConfigError: A rule's class is another one, and the rule is not switched off.
    """
    off = {f"{name}=null" for name in config} & set(changes)
    for name, entry in config.items():
        target = entry.get("_target_") if isinstance(entry, Mapping) else None
        if isinstance(target, str) and not target.startswith(OWN) and f"{name}=null" not in off:
            raise ConfigError(
                f"the study's rule {name!r} is {target!r}, a class outside autoloop, and replay would import "
                f"its module. Add --trust if that is right, name rules with --rules, or leave it out with "
                f"--set {name}=null"
            )


def changed(config: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Return a config of rules with some settings changed; one that a rule left to its default may be new.

    Raises:
        AutoloopError: A change that cannot be read, or the name of no rule.
    """
    result: dict[str, Any] = plain(config)
    for text in changes:
        path, _, value = text.partition("=")
        written = text if "@" in path else f"{path}@set={value}"
        rule, _, setting = path.partition(".")
        if rule.partition("@")[0] not in (*result, "*"):
            raise ConfigError(f"--set {text}: there is no rule {rule!r}{did_you_mean(rule, result)}")
        try:
            result = change([written], result).config
        except NoChangeError:
            continue  # it has that value already: the answer is the same
        except NoMatchError:
            if "@" in path or not setting or "." in setting:
                raise
            result[rule] = {**result[rule], setting: parse_edit(written).operand}
    return result


def named_or_file(group: str, given: str) -> dict[str, Any]:
    """Read a file of the user's, or a shipped one by its name.

    Raises:
        ConfigError: There is neither.
    """
    if Path(given).suffix in (".yaml", ".yml", ".json"):
        return read_config_file(Path(given))
    try:
        return load_group(group, given)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{group}={given} only makes sense inside an app's config; name another, or a file"
        ) from error


def _settings(study: Study) -> Mapping[str, Any]:
    if study.header.settings is None:
        raise AutoloopError("the study's journal does not hold its settings")
    return study.header.settings


def _merged(configs: Sequence[Mapping[str, Any]], part: str) -> dict[str, Any]:
    """One part of several configs as one; the first that has a key keeps it."""
    return {key: item for config in reversed(configs) for key, item in (config.get(part) or {}).items()}
