"""Composing configs through Hydra: the edge where edits become configs that really compose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import RLock
from types import SimpleNamespace
from typing import Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from autoloop.config.base_config import escaped
from autoloop.config.hydra_errors import hydra_message, in_one_line, unresolved
from autoloop.config.knobs import SECTION
from autoloop.config.rerun import merge_overrides
from autoloop.config.shipped import as_it_came_then
from autoloop.config.templates import Templates
from autoloop.config.top_keys import OF_STUDY, top_keys
from autoloop.config.values import placed, plain, root_of, seen, without_onlookers, written
from autoloop.edits import ValueChange, change, find, format_literal
from autoloop.edits.groups import GroupedConfig, is_pick, options_of, split_picks
from autoloop.edits.variants import Variant, signature
from autoloop.errors import CompositionError, EditError, MisfitError, NoChangeError, did_you_mean
from autoloop.loop.filling import Derived
from autoloop.study.events import StudyBegun
from autoloop.study.identity import from_exact, settled

#: Keys of the section that no job's identity has; what `variants_per_run` is stands in the strategy.
_ASIDE = OF_STUDY | {"variants_per_run"}
_KEPT = 256  # configs as plain values that are kept: those that rules and samplers look at again and again
_BARE_PATH = re.compile(r"[A-Za-z0-9_/.+@%-]+")


class _Look(NamedTuple):
    """A job's config as edits and rules see it, and path -> why of what cannot be resolved in it."""

    config: dict[str, Any]
    unresolved: dict[str, str]


class Composer:
    """Composes the config of a job from its overrides, as the launcher will.

    Attributes:
        bounds: Path pattern -> (low, high), applied to every derived config.
        root: Key of the app's config under which a trainer's own config stands; None where there is none.
        signs_values: Whether signatures are of resolved configs, as they were in older studies.
        study_keys: Keys at the top of the app's config that are knobs of the study, because its section
            ``autoloop`` refers to them; every other one, whatever its name, is the app's.
    """

    def __init__(
        self,
        loader: ConfigLoader,
        master: DictConfig,
        bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    ) -> None:
        self._lock = RLock()  # Hydra composes with what the whole process has once
        self._loader = loader
        self._master = master
        self.bounds = dict(bounds or {})
        self._templates = Templates(loader, master)
        self._seen = lru_cache(_KEPT)(self._see)
        self._written = lru_cache(_KEPT)(self._write)
        #: What was seen last, as written.
        self._latest: tuple[tuple[str, ...] | None, dict[str, Any]] = (None, {})
        self.root = root_of(master)
        self.signs_values = False
        self._known_keys: dict[tuple[str, ...], frozenset[str]] = {}
        self._settled = settled(written(master))
        self.study_keys = top_keys(written(master))
        self._then: dict[str, Any] | None = None  # the config of a study that other config files began

    def imitate(self, header: StudyBegun) -> bool:
        """Tell configs apart as the process did that began a study.

        Older ones took every key at the top for the study's that has the name of a knob, and their config
        files may have brought other rules and metrics (`autoloop.config.shipped`).

        Returns:
            Whether that is another way than until now.
        """
        identity = header.identity
        ways = self.signs_values, self.study_keys
        self.signs_values = identity is None
        if identity is None or identity.knobs is None:
            self.study_keys = frozenset(key for key in OF_STUDY if key in self._master)
        then = from_exact((header.config if identity is None else identity.config) or {})
        self._then = then if as_it_came_then(self._settled, then) != self._settled else None
        return ways != (self.signs_values, self.study_keys) or self._then is not None

    def is_knob(self, override: str, name: str) -> bool:
        """Whether an override sets this knob of the study, below its section or at the top."""
        key = override.lstrip("+").partition("=")[0]
        return key == f"{SECTION}.{name}" or (key == name and name in self.study_keys)

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The whole config of a job, ``hydra`` included, as Hydra's launchers compose it; the caller's own.

        Raises:
            CompositionError: The overrides do not compose.
        """
        with self._telling():
            return self._templates.compose(overrides)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except (HydraException, OmegaConfBaseException) as error:
            raise CompositionError(hydra_message(error, self._master)) from error

    @contextmanager
    def _looked_at(self, overrides: Sequence[str]) -> Iterator[DictConfig]:
        """A job's config with as much of Hydra's own as its values ask for; a copy of its own."""
        with self._telling():
            lean = self._templates.lean(overrides)
        with self._lock, _current(lean.whole) if lean.whole is not None else nullcontext():
            yield lean.app

    def composes_alone(self, overrides: Sequence[str]) -> bool:
        """Whether a single run takes overrides without the sweeper and launcher that were chosen with them.

        Config files that overrides choose may hold settings of either.
        """
        if not self._templates.chooses_files(overrides):
            return True
        try:
            name = OmegaConf.select(self._master, "hydra.job.config_name")
            self._loader.load_configuration(name, list(overrides), RunMode.RUN)
        except (HydraException, OmegaConfBaseException):
            return False
        return True

    def config(self, overrides: Sequence[str]) -> dict[str, Any]:
        """The config of a job as edits and rules see it, interpolations resolved where they can be.

        Several callers get the same one, and leave it as it is.
        """
        return self._seen(tuple(overrides)).config

    def _see(self, overrides: tuple[str, ...]) -> _Look:
        with self._looked_at(overrides) as composed:
            self._latest = overrides, self._templates.restored(written(composed))
            lost = unresolved(composed)
            app = self._templates.restored(without_onlookers(composed))
        if self.root is not None:
            self._known_keys[overrides] = frozenset(app[self.root] or ())
        return _Look(GroupedConfig(seen(app, self.root), self.options(overrides)), lost)

    def options(self, overrides: Sequence[str]) -> dict[str, str | None]:
        """The option of each config group of the app that a job's config is made of; None for no option."""
        with self._telling():
            chosen = self._templates.choices(overrides)
        return {group: option for group, option in chosen.items() if not group.startswith("hydra/")}

    def run_dir(self, overrides: Sequence[str], job: int) -> str:
        """Directory of a job, relative to the sweep directory (``hydra.sweep.subdir``)."""
        with self.as_in_job(overrides, job) as composed:
            return subdir(composed)

    @contextmanager
    def as_in_job(self, overrides: Sequence[str], job: int) -> Iterator[DictConfig]:
        """The whole config of a job; meanwhile ``${hydra:...}`` in it resolves as it will there."""
        with self._telling():
            composed = self._templates.compose(overrides, lean=True)
        hydra = composed.hydra
        with self._lock, read_write(hydra), open_dict(hydra):
            hydra.job.num, hydra.job.id = job, f"{hydra.job.name}_{job}"
            with _current(composed):
                output_dir = Path(str(hydra.sweep.dir)).absolute() / str(hydra.sweep.subdir)
            hydra.runtime.output_dir = str(output_dir)
        with self._lock, _current(composed):
            yield composed

    def derive(self, parent: Variant, edits: Sequence[str]) -> Derived:
        """The child of a variant (see `autoloop.loop.filling.Derive`).

        Raises:
            EditError: The edits do not fit the parent's config.
            MisfitError: They do, and Hydra does not compose what they lead to.
        """
        picks, others = split_picks(edits, parent.config)
        if picks:
            return self._with_options(parent, picks, others)
        changed = change(list(edits), parent.config, self.bounds)
        added = changed.overrides
        if self.root is not None:
            added = placed(changed.base, changed.config, self._trainer_keys(parent.overrides), self.root)
        overrides = merge_overrides(parent.overrides, added)
        config = self._child(overrides, parent.overrides)
        signed = self.signature(overrides)
        return Derived(config, overrides, signed, tuple(changed.changes), tuple(changed.notes))

    def _with_options(self, parent: Variant, picks: Mapping[str, str], edits: Sequence[str]) -> Derived:
        """The child made of other options of config groups, with further edits of what these have."""
        before = options_of(parent.config)
        changed = [ValueChange(group, before[group], picks[group]) for group in picks]
        changed = [one for one in changed if one.old != one.new]
        if not changed and not edits:
            raise _nothing_picked(picks)
        for group, _, option in changed:
            self._check_option(group, option)
        overrides = merge_overrides(
            parent.overrides, [_picking(parent.overrides, group, option) for group, _, option in changed]
        )
        made = replace(parent, overrides=overrides, config=self._child(overrides, parent.overrides))
        if not edits:
            return Derived(made.config, overrides, self.signature(overrides), tuple(changed))
        derived = self.derive(made, edits)
        return replace(derived, changes=(*changed, *derived.changes))

    @property
    def chosen(self) -> Mapping[str, Any]:
        """The option of each config group in the sweep's own config; ``???`` where one has to be chosen."""
        chosen: Mapping[str, Any] = self._master.hydra.runtime.choices
        return {str(group): option for group, option in chosen.items()}

    def group_options(self, group: str) -> list[str]:
        """The options of a config group; empty where there is no such group."""
        found: list[str] = self._loader.get_group_options(group)
        return found

    def _check_option(self, group: str, option: str) -> None:
        known = self.group_options(group.partition("@")[0])
        if option not in known:
            why = f"the config group {group!r} has no option {option!r}{did_you_mean(option, known)}"
            raise EditError.at(
                "cannot apply",
                f"{group}@set={option}",
                len(group) + 5,
                f"{why} (there are {', '.join(known)})",
            )

    def _child(self, overrides: Sequence[str], parent: Sequence[str]) -> dict[str, Any]:
        """The config of a child; none of its values may be lost that its parent's config has.

        Raises:
            MisfitError: Hydra does not compose it, or a value can no longer be resolved.
        """
        try:
            config = self.config(overrides)
        except (ValueError, TypeError, LookupError, AssertionError, RecursionError) as error:
            raise MisfitError(f"Hydra does not compose it: {in_one_line(str(error))}") from error
        lost = self._seen(tuple(overrides)).unresolved
        before = self._seen(tuple(parent)).unresolved if lost else {}
        for path in lost.keys() - before.keys():
            raise MisfitError(f"{path} can no longer be resolved: {in_one_line(lost[path])}")
        return config

    def sketch(self, parent: Variant, edits: Sequence[str]) -> Derived:
        """What `derive` would return, without overrides: nothing is composed, which takes its time.

        Raises:
            EditError: The edits do not fit the parent's config.
        """
        if any(is_pick(edit, parent.config) for edit in edits):
            return self.derive(parent, edits)
        changed = change(list(edits), parent.config, self.bounds)
        if self.signs_values:
            signed = signature(self.of_job(changed.config))
        else:
            signed = signature(_changed(self.identity(parent.overrides), changed.changes))
        return Derived(changed.config, (), signed, tuple(changed.changes), tuple(changed.notes))

    def signature(self, overrides: Sequence[str]) -> str:
        """The `autoloop.edits.variants.signature` of a job: of what is written in its config, unresolved."""
        if self.signs_values:
            return signature(self.of_job(self.config(overrides)))
        return signature(self.identity(overrides))

    def identity(self, overrides: Sequence[str]) -> dict[str, Any]:
        """What tells a job's config from another, as edits see it, without what only concerns the study.

        No resolver is asked (`autoloop.study.identity.settled`), so that a time or a job id in a config
        neither makes twins look different nor keeps a study from going on.
        """
        study = {key: self._settled[key] for key in self.study_keys}
        return self._as_then(_without_knobs(seen(settled(self.planned(overrides)), self.root), study))

    def planned(self, overrides: Sequence[str]) -> dict[str, Any]:
        """The config that a job's task gets, as it is written."""
        return self._written(tuple(overrides))

    def _write(self, overrides: tuple[str, ...]) -> dict[str, Any]:
        known, latest = self._latest
        if known == overrides:
            return latest
        with self._looked_at(overrides) as composed:
            found: dict[str, Any] = self._templates.restored(written(composed))
            return found

    def of_job(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A resolved config without the study's knobs."""
        return self._as_then(
            _without_knobs(config, {key: plain(self._master[key]) for key in self.study_keys})
        )

    def _as_then(self, config: dict[str, Any]) -> dict[str, Any]:
        return config if self._then is None else as_it_came_then(config, self._then)

    def _trainer_keys(self, overrides: Sequence[str]) -> frozenset[str]:
        """The keys of the trainer's own config with these overrides; known once it was composed."""
        if tuple(overrides) not in self._known_keys:
            self._see(tuple(overrides))
        return self._known_keys[tuple(overrides)]


def subdir(composed: DictConfig) -> str:
    """What ``hydra.sweep.subdir`` says in a job's whole config."""
    return str(OmegaConf.select(composed, "hydra.sweep.subdir"))


def _picking(overrides: Sequence[str], group: str, option: str) -> str:
    """The override that picks an option, under the key by which it was picked before."""
    keys = (text.partition("=")[0] for text in overrides)
    key = next((key for key in keys if key.lstrip("+") == group), group)
    return f"{key}={format_literal(option)}"


def _nothing_picked(picks: Mapping[str, str]) -> NoChangeError:
    group, option = next(iter(picks.items()))
    why = f"{group} is {option!r} already; remove the edit or choose another option"
    return NoChangeError.at("nothing is changed by", f"{group}@set={option}", len(group) + 1, why)


def path_override(key: str, path: Path) -> str:
    """Return ``key=path`` as Hydra and then OmegaConf read it, whatever characters the path has."""
    text = str(path)
    return f"{key}={text if _BARE_PATH.fullmatch(text) else format_literal(escaped(text))}"


def _without_knobs(config: Mapping[str, Any], study: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the knobs of a study, so that one may go on with more rounds or on other GPUs.

    A knob that this config sets to another value than the sweep is a setting of the job, and stays.

    Args:
        config: A job's config.
        study: The knobs as the sweep has them.
    """
    job = {key: value for key, value in config.items() if key not in study or value != study[key]}
    ours = job.get(SECTION)
    if isinstance(ours, Mapping):  # where the sweeper looks for knobs with common names
        job[SECTION] = {key: value for key, value in ours.items() if key not in _ASIDE}
    return job


def _changed(config: Mapping[str, Any], changes: Sequence[ValueChange]) -> dict[str, Any]:
    """A config with other values at some places; a place that it lacks is passed over."""
    result = deepcopy(dict(config))
    for path, _, new in changes:
        for keys in find(path, result):
            node: Any = result
            for key in keys[:-1]:
                node = node[key]
            node[keys[-1]] = new
    return result


@contextmanager
def _current(config: DictConfig) -> Iterator[None]:
    """Make ``${hydra:...}`` in a config refer to that config, as it will in the job."""
    holder: Any = HydraConfig.instance()
    before = holder.cfg
    holder.cfg = SimpleNamespace(hydra=config.hydra)  # what HydraConfig.get asks it for, without a copy
    try:
        yield
    finally:
        holder.cfg = before
