"""Slots: the places jobs run in, each with GPUs of its own, and the environment a job finds there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autoloop.errors import ConfigError, SettingError, counted

#: Variables that tell a math library how many threads to start.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

#: What ``accelerate launch --num_processes 1`` would set, without the seconds it takes to start.
SINGLE_PROCESS_ACCELERATE = {
    "ACCELERATE_MIXED_PRECISION": "no",
    "ACCELERATE_DYNAMO_BACKEND": "no",
    "ACCELERATE_DYNAMO_MODE": "default",
    "ACCELERATE_DYNAMO_USE_FULLGRAPH": "False",
    "ACCELERATE_DYNAMO_USE_DYNAMIC": "False",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """One concurrent place for a job.

    Attributes:
        index: Number of the slot, from 0.
        gpus: Names of its GPUs as CUDA_VISIBLE_DEVICES takes them (positions, UUIDs or MIG names);
            empty for a slot without GPUs.
    """

    index: int
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Places:
    """Where a launcher runs jobs.

    Attributes:
        slots: The places; None for any number of jobs at a time.
        to_fill: Whether one that stands idle is a waste: it has GPUs, or it was asked for. A machine's cores
            are slots too, but nobody asked for as many jobs as it has cores.
        gpus_by: What gives jobs their GPUs when they start, if the slots have none of their own: SLURM.
    """

    slots: tuple[Slot, ...] | None
    to_fill: bool = True
    gpus_by: str = ""


def plan_slots(
    gpus: object,
    n_jobs: int | None = None,
    *,
    visible: Sequence[str] | None = None,
    cores: int = 1,
    jobs_per_gpu: int = 1,
    gpus_per_job: int = 1,
) -> tuple[Slot, ...]:
    """Divide GPUs, or cores where there are none, into slots.

    Slots are ordered so that the first ``n_jobs`` of them use as many different GPUs as possible.

    Args:
        gpus: A list of ids, ``"auto"`` for every visible GPU, or ``[]`` for none. A number is a
            position in ``visible``; a UUID or MIG name stands for itself.
        n_jobs: How many slots to use; None for all of them (without GPUs: one per core).
        visible: Names of the GPUs this machine (or the parent's CUDA_VISIBLE_DEVICES) offers,
            None where that is not known; ids are then taken as they are.
        cores: Number of CPU cores that may be used.
        jobs_per_gpu: How many jobs share one GPU.
        gpus_per_job: How many GPUs one job gets.

    Returns:
        The slots, at least one.

    Raises:
        ConfigError: An id that does not exist or is given twice, a count below 1, or more jobs
            asked for than there are slots.
    """
    _require_positive("jobs_per_gpu", jobs_per_gpu)
    _require_positive("gpus_per_job", gpus_per_job)
    if n_jobs is not None:
        _require_positive("n_jobs", n_jobs)
    names = _gpu_names(gpus, visible)
    if not names:
        return tuple(Slot(index) for index in range(n_jobs or max(1, cores)))
    if jobs_per_gpu > 1 and gpus_per_job > 1:
        raise ConfigError(
            f"jobs_per_gpu={jobs_per_gpu} and gpus_per_job={gpus_per_job} exclude each other: "
            "a job either shares a GPU or has several"
        )
    groups = _groups(names, gpus_per_job) * jobs_per_gpu
    wanted = len(groups) if n_jobs is None else n_jobs
    if wanted > len(groups):
        of = counted(len(names), "GPU")
        raise SettingError(
            "n_jobs",
            wanted,
            f" is more than the {counted(len(groups), 'slot')} of {of} "
            f"({', '.join(names)}) with jobs_per_gpu={jobs_per_gpu}, gpus_per_job={gpus_per_job}; "
            "lower n_jobs, raise jobs_per_gpu or name more GPUs",
        )
    return tuple(Slot(index, group) for index, group in enumerate(groups[:wanted]))


def slot_environment(
    slot: Slot, n_slots: int, cores: int, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the variables that a job in ``slot`` gets beside its parent's.

    Args:
        slot: Where the job runs.
        n_slots: How many slots share the machine.
        cores: How many CPU cores they share.
        environ: The user's environment. What it says about threads and accelerate is kept, so
            those variables are left out of the result.

    Returns:
        CUDA_VISIBLE_DEVICES, thread counts of ``max(1, cores // n_slots)`` and accelerate's
        variables for a single process.
    """
    user = environ or {}
    defaults = dict(SINGLE_PROCESS_ACCELERATE)
    defaults["ACCELERATE_USE_CPU"] = str(not slot.gpus)
    if "OMP_NUM_THREADS" not in user:
        threads = str(max(1, cores // max(1, n_slots)))
        defaults.update(dict.fromkeys(THREAD_VARIABLES, threads))
    chosen = {name: value for name, value in defaults.items() if name not in user}
    return {**chosen, "CUDA_VISIBLE_DEVICES": ",".join(slot.gpus)}


def _require_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        hint = ", or null for as many as fit" if name == "n_jobs" else ""
        raise SettingError(name, value, f": expected a whole number of at least 1{hint}")


def _gpu_names(gpus: object, visible: Sequence[str] | None) -> tuple[str, ...]:
    """Translate the ``gpus`` setting into names that CUDA_VISIBLE_DEVICES takes."""
    if gpus == "auto":
        return tuple(visible or ())
    if isinstance(gpus, (str, bytes)) or not isinstance(gpus, Sequence):
        raise SettingError("gpus", gpus, ": expected a list of ids such as [0,1], 'auto', or [] for none")
    names = tuple(_gpu_name(gpu, visible) for gpu in gpus)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problem = f": {', '.join(twice)} is listed twice; to run several jobs on one GPU use jobs_per_gpu"
        raise SettingError("gpus", list(gpus), problem)
    return names


def _gpu_name(gpu: object, visible: Sequence[str] | None) -> str:
    text = str(gpu)
    if not text.isdigit() or isinstance(gpu, bool):
        if text.upper().startswith(("GPU-", "MIG-")):
            return text
        problem = f": {gpu!r} is not a GPU id; expected a number, a GPU-... UUID or a MIG-... name"
        raise SettingError("gpus", gpu, problem, show=False)
    if visible is None:
        return text
    position = int(text)
    if position >= len(visible):
        offered = f"{len(visible)} (ids 0 to {len(visible) - 1})" if visible else "none"
        problem = f": there is no GPU {position} here; visible GPUs: {offered}"
        raise SettingError("gpus", gpu, problem, show=False)
    return visible[position]


def _groups(names: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Cut ``names`` into groups of ``size``; what is left over is not used."""
    if size > len(names):
        there = counted(len(names), "GPU")
        raise SettingError("gpus_per_job", size, f" is more than the {there}: {', '.join(names)}")
    return [tuple(names[start : start + size]) for start in range(0, len(names) - size + 1, size)]
