"""The config files of a study, each read once: what is edited while it runs changes none of its jobs.

The files that a study has read go with Hydra's config loader to the jobs of every launcher.
"""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from autoloop.edits.variants import signature

_T = TypeVar("_T")

#: Schemes of sources that are not files: what stands in the config store cannot be edited.
_NOT_FILES = ("structured",)
_HYDRAS_OWN = "pkg://hydra.conf"


class ChangedFileError(HydraException):
    """A config file that was not read before has been changed since the study began."""


class World:
    """What was asked of config sources, and what they answered, since a process began its study.

    Attributes:
        began: Seconds since the epoch.
        files: Every config file that was read, but Hydra's own -> hash (SHA-256, hexadecimal) of what it
            says; comments and the order of keys do not count.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.began = clock()
        self.files: dict[str, str] = {}
        self._answers: dict[tuple[Any, ...], Any] = {}

    def once(self, question: tuple[Any, ...], ask: Callable[[], _T]) -> _T:
        """What was answered the first time; it is asked only then."""
        if question not in self._answers:
            self._answers[question] = ask()
        return cast("_T", self._answers[question])

    def __deepcopy__(self, memo: dict[int, Any]) -> World:
        """Itself: Hydra copies its sources for each config that it composes."""
        return self


class KeptSource(ConfigSource):
    """A config source whose answers stay as they were first given."""

    def __init__(self, source: ConfigSource, world: World) -> None:
        self.provider = source.provider
        self.path = source.path
        self._source = source
        self._world = world

    def scheme(self) -> str:  # type: ignore[override]  # static where a class has one scheme
        """The scheme of the source."""
        return self._source.scheme()

    def load_config(self, config_path: str) -> ConfigResult:
        """A copy of a config as it was first read; its reader takes it apart.

        Raises:
            ChangedFileError: It is read for the first time and was changed since the study began.
        """
        return deepcopy(self._once("load", config_path, lambda: self._read(config_path)))

    def is_group(self, config_path: str) -> bool:
        """Whether there is such a group."""
        return self._once("group", config_path, lambda: self._source.is_group(config_path))

    def is_config(self, config_path: str) -> bool:
        """Whether there is such a config."""
        return self._once("config", config_path, lambda: self._source.is_config(config_path))

    def available(self) -> bool:
        """Whether the source is there."""
        return self._once("available", "", self._source.available)

    def list(self, config_path: str, results_filter: ObjectType | None) -> builtins.list[str]:
        """What a group holds."""
        found = self._once(
            f"list {results_filter}", config_path, lambda: self._source.list(config_path, results_filter)
        )
        return builtins.list(found)

    def _once(self, kind: str, config_path: str, ask: Callable[[], _T]) -> _T:
        return self._world.once((self._source.full_path(), kind, config_path), ask)

    def _read(self, config_path: str) -> ConfigResult:
        file = _file(self._source, config_path)
        if file is not None and _changed_at(file) > self._world.began:
            raise ChangedFileError(
                f"the config file {file} was changed while the study was running, and its former "
                "content is not known. Start a new study to train with it"
            )
        result = self._source.load_config(config_path)
        if self._source.full_path() != _HYDRAS_OWN:
            name = file if self.scheme() == "file" else f"{self._source.full_path()}/{config_path}"
            self._world.files[str(name)] = _hash(result)
        return result


class KeptRepository(ConfigRepository):
    """Hydra's config repository on sources that are kept."""

    def __init__(self, search_path: ConfigSearchPath, world: World) -> None:
        self._world = world
        super().__init__(search_path)

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Make the sources of a search path."""
        super().initialize_sources(config_search_path)
        self.sources = [
            source if source.scheme() in _NOT_FILES else KeptSource(source, self._world)
            for source in self.sources
        ]


def keep_configs(loader: ConfigLoader) -> World:
    """Let a config loader read each file only once, here and wherever it is sent; return what it reads.

    A loader that keeps its files already goes on so; one that is not Hydra's own is left as it is.
    """
    world = World()
    if isinstance(loader, ConfigLoaderImpl):
        if isinstance(loader.repository, KeptRepository):
            return loader.repository._world
        loader.repository = KeptRepository(loader.config_search_path, world)
    return world


def _file(source: ConfigSource, config_path: str) -> Path | None:
    """The file that a config is read from; None where it is none."""
    name = source._normalize_file_name(config_path)
    if source.scheme() == "file":
        return Path(source.path, name)
    if source.scheme() == "pkg":
        found = resources.files(source.path).joinpath(name)
        return found if isinstance(found, Path) else None
    return None


def _changed_at(file: Path) -> float:
    """When a file was last written or moved here, seconds since the epoch; 0 where it is not to be seen."""
    try:
        return file.stat().st_ctime
    except OSError:
        return 0.0


def _hash(result: ConfigResult) -> str:
    content = OmegaConf.to_container(result.config, resolve=False, enum_to_str=True)
    return signature({"header": result.header, "config": content})
