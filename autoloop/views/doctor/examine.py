"""The one screen of ``autoloop doctor``."""

from __future__ import annotations

import fcntl
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from autoloop.engine.execute.gpus import detect_gpus
from autoloop.engine.wandb_env import ONE_RUN
from autoloop.errors import counted
from autoloop.store.journal import FILE_NAME, LOCK_NAME
from autoloop.store.redact import redact
from autoloop.views.doctor.app import missing
from autoloop.views.doctor.exclusions import exclusions
from autoloop.views.doctor.packages import plugins, unmet, versions

_GIB = 2**30
_LOCKS = Path("/proc/locks")  # every line names the file of a lock by its inode
_LITTLE_SPACE_GIB = 2  # less holds few checkpoints
_LITTLE_SHM_MIB = 256  # Docker's default is 64, which the workers of one DataLoader fill
_WIDTH = 110  # of a line


def examine(
    folder: Path, app: Path | None, overrides: Sequence[str], environ: Mapping[str, str]
) -> tuple[str, int]:
    """Look at this environment and return what to show, and how many things are wrong.

    Args:
        folder: Where studies are to be written; what lies there is looked at, nothing is left behind.
        app: The main program that is to be trained; None to look at none.
        overrides: Those as on its command line.
        environ: The environment.
    """
    found = versions()
    space, shm = _free_gib(folder), _free_gib(Path("/dev/shm"))
    locks, holders = _locks(folder), _held(folder)
    gpus = detect_gpus(environ)
    offered = _offered()
    wrong = [*exclusions(found), *unmet(found), *_short(space, shm, locks)]
    wrong += missing(app, overrides, offered) if app else ()
    lines = [
        f"python     {found['python']} at {sys.executable}",
        *_folded("packages   ", [f"{name} {version}" for name, version in found.items() if name != "python"]),
        *_folded("plugins    ", [f"{name} {version}" for name, version in sorted(plugins().items())]),
        *(
            line
            for group, names in offered.items()
            for line in _folded(f"{group.partition('/')[2]:10} ", names)
        ),
        f"gpus       {', '.join(gpus) if gpus else 'none'}{_visible(environ)}",
        f"W&B        {_wandb(environ)}",
        f"studies    in {folder}: {space:.1f} GiB free, locks {_works(locks)}{_appended(holders)}",
        f"/dev/shm   {f'{shm:.1f} GiB free' if shm >= 0 else 'is not there'}",
        *([f"app        {app} {' '.join(overrides)}".rstrip()] if app else ()),
        f"wrong      {counted(len(wrong), 'thing') if wrong else 'nothing was found'}",
        *(f"  - {line}" for line in wrong),
    ]
    return redact("\n".join(lines), environ), len(wrong)


def _folded(title: str, items: Iterable[str]) -> list[str]:
    """Items behind a title, on as many lines as they take."""
    lines, indent = [title], " " * len(title)
    for number, item in enumerate(items):
        text = f", {item}" if number else item
        if len(lines[-1] + text) > _WIDTH:
            lines[-1] += ","
            lines.append(indent + item)
        else:
            lines[-1] += text
    return lines


def _free_gib(folder: Path) -> float:
    """Free space where a directory is, or is to be; -1 if that is not known."""
    try:
        return shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.is_dir())).free / _GIB
    except (OSError, StopIteration):
        return -1.0


def _locks(folder: Path) -> bool:
    """Whether a lock that one file has there keeps another away; some network file systems have none."""
    try:
        with (
            tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor") as one,
            Path(one.name).open("a") as other,
        ):
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    except OSError:
        return False


def _held(folder: Path) -> list[str]:
    """Who holds the studies in a directory and up to two below it."""
    patterns = (f"{'*/' * depth}{FILE_NAME}" for depth in range(3))
    studies = [path.parent for pattern in patterns for path in folder.glob(pattern)]
    return [f"{study.name} is run by {who}" for study in studies if (who := _holder(study / LOCK_NAME))]


def _holder(lock: Path) -> str:
    """Who holds a lock, as this machine's kernel tells; nobody's start is hindered by the question."""
    try:
        held = f":{lock.stat().st_ino} " in _LOCKS.read_text()
        return lock.read_text(encoding="utf-8").strip() or "another process" if held else ""
    except (OSError, ValueError):
        return ""


def _works(locks: bool) -> str:
    return "work" if locks else "do not work"


def _appended(holders: Sequence[str]) -> str:
    return "".join(f"; {line}" for line in holders)


def _visible(environ: Mapping[str, str]) -> str:
    value = environ.get("CUDA_VISIBLE_DEVICES")
    return "" if value is None else f" (CUDA_VISIBLE_DEVICES={value or 'empty'})"


def _wandb(environ: Mapping[str, str]) -> str:
    mode = environ.get("WANDB_MODE")
    stray = sorted(name for name in environ if name in ONE_RUN)
    mode_text = (
        f"WANDB_MODE={mode}"
        if mode
        else "offline, since neither WANDB_MODE nor the app's wandb.mode says otherwise"
    )
    return mode_text + (f"; {', '.join(stray)} of the shell are not passed to jobs" if stray else "")


def _offered() -> dict[str, list[str]]:
    """What ``hydra/launcher`` and ``hydra/sweeper`` can be here."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.object_type import ObjectType
    from hydra.core.plugins import Plugins

    Plugins.instance()  # imports the plugins, which register their configs
    store, groups = ConfigStore.instance(), ("hydra/launcher", "hydra/sweeper")
    there = [group for group in groups if store.get_type(group) is ObjectType.GROUP]
    return {group: sorted(name.removesuffix(".yaml") for name in store.list(group)) for group in there}


def _short(space: float, shm: float, locks: bool) -> list[str]:
    wrong = []
    if 0 <= space < _LITTLE_SPACE_GIB:
        wrong.append(f"{space:.1f} GiB free for studies: checkpoints and W&B's files fill that soon")
    if 0 <= shm * 1024 < _LITTLE_SHM_MIB:
        wrong.append(
            f"{shm * 1024:.0f} MiB free in /dev/shm, through which DataLoader workers hand over batches: "
            "start the container with --shm-size=8g, or train with num_workers=0"
        )
    if not locks:
        wrong.append("locks do not work where studies are to be written: two processes could run one study")
    return wrong
