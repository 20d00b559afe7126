"""Configs of jobs that differ in values alone: Hydra composes what they share once, the values are put in.

Composing through Hydra costs half a tenth of a second, most of it for the defaults list, which is the same
for all jobs of one choice of config files. A `Template` is what Hydra composes of that choice. A config made
from one is what Hydra makes of the same overrides; the first of each template is compared with that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from autoloop.config.copies import quick_copy
from autoloop.config.knobs import SECTION, TOP_KEY
from autoloop.edits import constant

_KEPT = 32  # templates; a study has one for each combination of its choice sweeps, and for added keys
#: What of Hydra's own config may differ from job to job and takes part in nothing else.
_OF_JOB = "hydra.sweep.subdir"

#: How Hydra 1.3 writes the overrides into ``hydra.job.override_dirname``; 1.4 asks a resolver there instead.
_overrides_dirname = getattr(config_loader_impl, "get_overrides_dirname", None)

#: A number as Hydra's parser and Python read it alike.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,15})(?P<real>(\.[0-9]{1,17})?(e-?[0-9]{1,2})?)")

#: A resolver that may ask anything, unlike OmegaConf's own.
_RESOLVER = re.compile(r"\$\{\s*(?!oc\.)[A-Za-z_][\w.]*\s*:")
#: What Hydra and what reads overrides raise where something does not fit.
_OF_HYDRA = (
    HydraException,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
)

Path = tuple[str, ...]


class Lean(NamedTuple):
    """A job's config to look at, without what is the same in all of them and takes its time.

    Attributes:
        app: The config, without ``hydra`` unless ``whole`` is there.
        whole: The same config with ``hydra``, where a value of it asks for that; else None.
    """

    app: DictConfig
    whole: DictConfig | None


class Template:
    """What Hydra composes of overrides that jobs share.

    Attributes:
        agreed: Whether a config made from it was found to be what Hydra makes; None before the first.
    """

    def __init__(self, composed: DictConfig) -> None:
        self._forms = {"whole": composed}
        self.agreed: bool | None = None

    @cached_property
    def constants(self) -> Mapping[str, Any]:
        """Mark -> what it stands for in lean configs: the variants that the user asked for."""
        self._forms["lean"] = deepcopy(self._forms["whole"])
        return _mark_variants(self._forms["lean"])

    @cached_property
    def alone(self) -> bool:
        """Whether the app's values can be known without Hydra's own config."""
        self._forms["app"] = app = deepcopy(self._forms["lean"])
        with read_write(app), open_dict(app):
            app.pop("hydra", None)
        return not any(map(asks_hydra, _texts(OmegaConf.to_container(app, resolve=False))))

    def has(self, path: Path, value: Any) -> bool:
        """Whether a value can be put in at a place: it is there, and neither is a mapping to be merged."""
        node: Any = self._forms["whole"]
        for step in path:
            node = _below(node, step)
        return node is not None and not isinstance(value, dict) and not isinstance(node, DictConfig)

    @cached_property
    def choices(self) -> Mapping[str, str | None]:
        """Config group -> the option that it is made of; None for no option."""
        found: Any = OmegaConf.to_container(self._forms["whole"].hydra.runtime.choices)
        return {str(group): option for group, option in found.items()}

    def fresh(self, form: str) -> DictConfig:
        """A copy of its own: "whole", "lean" or, without ``hydra`` besides, "app"."""
        return quick_copy(self._forms[form])


class _Split(NamedTuple):
    """Overrides sorted into those that make a template and those that put values into it."""

    shared: tuple[str, ...]
    own: tuple[Override, ...]


class Templates:
    """Composes the configs of one sweep's jobs.

    Attributes:
        composed: How many configs Hydra itself has composed.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig, *, checked: bool = True) -> None:
        """Set up; nothing is composed.

        Args:
            loader: Hydra's.
            master: The sweep's own config.
            checked: Whether the first config of each template is compared with Hydra's; False for a process
                that knows otherwise what is to come out.
        """
        self._checked = checked
        self._loader = loader
        self._master = master
        self._parsed: dict[str, Override] = {}
        self._constants: dict[str, Any] = {}
        self._template = lru_cache(_KEPT)(self._new_template)
        self.composed = 0

    def compose(self, overrides: Sequence[str], *, lean: bool = False) -> DictConfig:
        """The whole config of a job, ``hydra`` included, as Hydra's launchers compose it; a copy of its own.

        Args:
            overrides: The job's.
            lean: Whether marks may stand in it for the variants that the user asked for (`restored`).

        Raises:
            HydraException: The overrides do not compose.
            OmegaConfBaseException: The same.
        """
        return self._made(tuple(overrides), "lean" if lean else "whole")

    def lean(self, overrides: Sequence[str]) -> Lean:
        """The config of a job to look at; raises as `compose` does."""
        alone = not any(map(asks_hydra, overrides))
        made = self._made(tuple(overrides), "app" if alone else "lean")
        return Lean(made, made if "hydra" in made else None)

    def choices(self, overrides: Sequence[str]) -> Mapping[str, str | None]:
        """Config group -> the option that a job's config is made of; raises as `compose` does."""
        if isinstance(self._loader, ConfigLoaderImpl):
            with suppress(*_OF_HYDRA):
                return self._sorted_out([self._parse(text) for text in overrides])[0].choices
        return Template(self.by_hydra(overrides)).choices

    def restored(self, value: Any) -> Any:
        """Plain values with what marks in them stand for."""
        if isinstance(value, dict):
            return {key: self.restored(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.restored(item) for item in value]
        return self._constants.get(value, value) if isinstance(value, str) else value

    def _made(self, overrides: tuple[str, ...], form: str) -> DictConfig:
        try:
            quick = self._from_template(overrides, form)
        except _OF_HYDRA:
            quick = None  # Hydra itself says what is wrong
        return self.by_hydra(overrides) if quick is None else quick

    def by_hydra(self, overrides: Sequence[str]) -> DictConfig:
        """The same, composed by Hydra from the config files on.

        Raises:
            HydraException: The overrides do not compose, whatever OmegaConf itself stumbled over: a mapping
                for an ``Optional`` dataclass that is None, say, is an AttributeError of its own.
            OmegaConfBaseException: The same.
        """
        self.composed += 1
        try:
            return self._loader.load_sweep_config(self._master, list(overrides))
        except (HydraException, OmegaConfBaseException):
            raise
        except _OF_HYDRA as error:
            message = f"OmegaConf fails ({type(error).__name__}) over one of {' '.join(overrides)}"
            raise ConfigCompositionException(message) from error

    def _from_template(self, overrides: tuple[str, ...], form: str) -> DictConfig | None:
        """The config made from a template; None where there is none to trust."""
        if not isinstance(self._loader, ConfigLoaderImpl):
            return None
        parsed = [self._parse(text) for text in overrides]
        template, split = self._sorted_out(parsed)
        if split.own and template.agreed is None and self._checked:
            made = self._filled(template.fresh("whole"), split, parsed)
            template.agreed = _equal(made, self.by_hydra(overrides))
        if split.own and not template.agreed and self._checked:
            return None
        if form != "whole":
            self._constants.update(template.constants)
        if form == "app" and not template.alone:
            form = "lean"
        return self._filled(template.fresh(form), split, parsed)

    def _parse(self, text: str) -> Override:
        if text not in self._parsed:
            self._parsed[text] = self._with_number(text) or OverridesParser.create().parse_override(text)
        return self._parsed[text]

    def _with_number(self, text: str) -> Override | None:
        """An override whose value is a plain number: one that was parsed for its key, with this value.

        Hydra's parser takes a millisecond or two, and the jobs of a search differ in numbers.
        """
        key, _, value = text.partition("=")
        found = _NUMBER.fullmatch(value)
        if not found:
            return None
        sample, number = (f"{key}=1.5", float(value)) if found["real"] else (f"{key}=1", int(value))
        if sample not in self._parsed:
            try:
                self._parsed[sample] = OverridesParser.create().parse_override(sample)
            except HydraException:  # the message shows the whole override
                return None
        return replace(self._parsed[sample], _value=number, input_line=text)

    def _sorted_out(self, parsed: Sequence[Override]) -> tuple[Template, _Split]:
        """The template of a job's overrides. One that finds no place in it for a value becomes part of it."""
        split = _split(parsed, [self._is_value(override) for override in parsed])
        template = self._template(split.shared)
        while any(misfits := [not template.has(_path(override), override.value()) for override in split.own]):
            kept = {id(override) for override, misfit in zip(split.own, misfits, strict=True) if not misfit}
            split = _split(parsed, [id(override) in kept for override in parsed])
            template = self._template(split.shared)
        return template, split

    def chooses_files(self, overrides: Sequence[str]) -> bool:
        """Whether one of the overrides chooses a config file of the app."""
        parsed = (self._parse(text) for text in overrides)
        return any(
            self._is_group(override.key_or_group) for override in parsed if not override.is_hydra_override()
        )

    def _is_group(self, key: str) -> bool:
        repository = getattr(self._loader, "_active_repository", None) or self._loader.repository  # type: ignore[attr-defined]
        return bool(repository.group_exists(key))

    def _is_value(self, override: Override) -> bool:
        """Whether an override may be one that sets a value, and chooses no config file."""
        key = override.key_or_group
        return (
            override.type is OverrideType.CHANGE
            and override.package is None
            and not override.is_sweep_override()
            and (key == _OF_JOB or key.partition(".")[0] not in ("hydra", SECTION))
            and not self._is_group(key)
        )

    def _new_template(self, shared: tuple[str, ...]) -> Template:
        return Template(self.by_hydra(shared))

    def _filled(self, config: DictConfig, split: _Split, parsed: Sequence[Override]) -> DictConfig:
        """Put values into a template, and say in it which overrides made it, as Hydra does."""
        for override in split.own:
            if override.key_or_group != _OF_JOB or "hydra" in config:
                OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        if split.own and "hydra" in config:
            self._set_overrides(config, parsed)
        OmegaConf.copy_cache(from_config=self._master, to_config=config)
        return config

    def _set_overrides(self, config: DictConfig, parsed: Sequence[Override]) -> None:
        job, overrides = config.hydra.job, config.hydra.overrides
        of_hydra = [override.input_line for override in parsed if override.is_hydra_override()]
        task = [override for override in parsed if not override.is_hydra_override()]
        overrides.hydra = [*self._master.hydra.overrides.hydra, *of_hydra]
        overrides.task = [override.input_line for override in task]
        if _overrides_dirname is not None:
            how = job.config.override_dirname
            job.override_dirname = _overrides_dirname(
                overrides=task, kv_sep=how.kv_sep, item_sep=how.item_sep, exclude_keys=how.exclude_keys
            )


def _split(parsed: Sequence[Override], is_own: Iterable[bool]) -> _Split:
    """Sort overrides; a value that a later shared one may reach stays with those, whose order counts."""
    own: list[Override] = []
    shared: list[Override] = []
    for override, wanted in reversed(list(zip(parsed, is_own, strict=True))):
        free = wanted and not any(_overlap(_path(override), _path(later)) for later in shared)
        (own if free else shared).append(override)
    return _Split(tuple(str(override.input_line) for override in reversed(shared)), tuple(reversed(own)))


@lru_cache(4096)
def _steps(key: str) -> Path:
    return tuple(key.replace("[", ".").replace("]", "").split("."))


def _path(override: Override) -> Path:
    return _steps(override.key_or_group)


def _overlap(one: Path, other: Path) -> bool:
    """Whether one place lies in the other."""
    short = min(len(one), len(other))
    return one[:short] == other[:short]


def _below(node: Any, step: str) -> Any:
    """The node at a key or an index; None where there is none, or where it stands for another place."""
    if isinstance(node, DictConfig | ListConfig) and (node._is_none() or node._is_interpolation()):
        return None
    if isinstance(node, DictConfig):
        return node._get_node(step, validate_access=False)
    if isinstance(node, ListConfig) and step.isdecimal() and int(step) < len(node):
        return node._get_node(int(step))
    return None


def asks_hydra(text: str) -> bool:
    """Whether the value of a text may depend on Hydra's own config: it names it, or some resolver may ask."""
    return "${" in text and ("hydra" in text or _RESOLVER.search(text) is not None)


def _texts(node: Any) -> Iterator[str]:
    """All texts in plain values."""
    if isinstance(node, str):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _texts(item)


def _mark_variants(config: DictConfig) -> dict[str, Any]:
    """Put marks where the user's variants stand, which are the same in each job and may be hundreds.

    Returns:
        Mark -> what it stands for.
    """
    marked: dict[str, Any] = {}
    ours = config.get(SECTION)
    top = TOP_KEY.fullmatch(text) if isinstance(text := _written_at(ours, "variants"), str) else None
    for node, key in ((ours, "variants"), *([(config, top[1])] if top else [])):
        found = _written_at(node, key)
        if not isinstance(found, dict | list) or any("${" in text for text in _texts(found)):
            continue
        mark = f"\0{hashlib.sha256(json.dumps(found, default=str).encode()).hexdigest()}"
        with read_write(config), open_dict(config), suppress(OmegaConfBaseException):
            node[key] = mark
            marked[mark] = constant(found)
    sweeper = OmegaConf.select(config, "hydra.sweeper")
    if isinstance(_written_at(sweeper, "variants"), dict | list):
        with read_write(config), open_dict(config), suppress(OmegaConfBaseException):
            sweeper.variants = None
    return marked


def _written_at(node: Any, key: str) -> Any:
    """What is written at a key of a config, unresolved; None where there is no such place."""
    if not isinstance(node, DictConfig) or node._is_none():
        return None
    below: Any = node._get_node(key, validate_access=False)
    if below is None:
        return None
    return OmegaConf.to_container(below, resolve=False) if OmegaConf.is_config(below) else below._value()


def _equal(one: DictConfig, other: DictConfig) -> bool:
    """Whether two configs say the same, all of Hydra's own included."""
    first, second = (OmegaConf.to_container(config, resolve=False) for config in (one, other))
    return first == second
