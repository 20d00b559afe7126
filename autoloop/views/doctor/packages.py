"""The packages of this environment: their versions, what they ask for, and Hydra's plugins among them."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution, distributions

from packaging.requirements import InvalidRequirement, Requirement

#: What a study may depend on, in the order in which it is shown.
OF_INTEREST = (
    *(
        "autoloop",
        "hydra-core",
        "omegaconf",
        "hydra-joblib-launcher",
        "joblib",
        "cloudpickle",
        "wandb",
        "numpy",
    ),
    *("hydra-submitit-launcher", "submitit", "hydra-ray-launcher", "ray", "hydra-optuna-sweeper", "optuna"),
    *("torch", "accelerate", "lerobot", "pyarrow", "POT", "safetensors"),
)


def versions() -> dict[str, str]:
    """Package -> version of those installed, of `OF_INTEREST`; "python" first."""
    found = {name: _version(name) for name in OF_INTEREST}
    installed = {name: version for name, version in found.items() if version}
    return {"python": platform.python_version(), **installed}


def _version(name: str) -> str:
    """The version of a package; empty where it is not installed."""
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return ""


def unmet(names: Mapping[str, str]) -> Iterator[str]:
    """What the packages of these names ask for, as `pip check` reads it, and do not find.

    Args:
        names: Package -> version; "python" is passed over.
    """
    for name in names:
        asked = (distribution(name).requires or []) if name != "python" else []
        for line in asked:
            if problem := _unmet(line):
                yield f"{name} {names[name]} asks for {problem}"


def _unmet(line: str) -> str:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return ""
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return ""
    wanted = f"{requirement.name}{requirement.specifier}"
    found = _version(requirement.name)
    if not found:
        return f"{wanted}, which is not installed"
    return "" if requirement.specifier.contains(found, prereleases=True) else f"{wanted}, not {found}"


def plugins() -> dict[str, str]:
    """Distribution -> version of Hydra's plugins that are installed."""
    return {
        one.metadata["Name"]: one.version
        for one in distributions()
        if any(str(file).startswith("hydra_plugins/") for file in one.files or ())
        or any(entry.group == "hydra.plugins" for entry in one.entry_points)
    }
