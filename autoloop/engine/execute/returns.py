"""What jobs returned, kept until the sweep is over: Hydra's sweepers hand all of it back at the end."""

from __future__ import annotations

from typing import Any

from hydra.core.utils import JobReturn

from autoloop.config.packing import pack, unpack

_CONFIGS = ("cfg", "hydra_cfg")


class SmallReturn(JobReturn):
    """A job's return whose configs, some hundred kilobytes as objects, are unpacked when asked for.

    It is packed where the job ran and travels so.
    """

    _packed: dict[str, bytes]

    @classmethod
    def of(cls, found: JobReturn) -> JobReturn:
        """The same, kept small where its configs can be packed."""
        if isinstance(found, cls):
            return found
        packed = {name: pack(config) for name in _CONFIGS if (config := getattr(found, name)) is not None}
        if not all(packed.values()):
            return found
        kept = {name: value for name, value in vars(found).items() if name not in _CONFIGS}
        return _small({**kept, "_packed": packed})

    def __reduce__(self) -> tuple[Any, ...]:
        return _small, (vars(self),)


def _small(values: dict[str, Any]) -> SmallReturn:
    made = SmallReturn.__new__(SmallReturn)
    vars(made).update(values)
    return made


def _unpacking(name: str) -> property:
    def config(self: SmallReturn) -> Any:
        return unpack(self._packed[name]) if name in self._packed else None

    return property(config)


for _name in _CONFIGS:
    setattr(SmallReturn, _name, _unpacking(_name))
