"""The structured configs of autoloop's Hydra plugins.

They stand here, not in the plugins, because Hydra scans every module there. Values are ``Any`` with
an interpolation, so that an app may keep its knobs at the top level (``gpus: [0, 1]``), and one
without such keys works as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class SlotsLauncherConf:
    """Settings of ``hydra/launcher=slots``.

    Attributes:
        gpus: GPU ids, ``auto`` for all that are visible, ``[]`` for none.
        n_jobs: Jobs at a time; null for as many as there are slots (without GPUs: cores).
        jobs_per_gpu: How many jobs share one GPU.
        gpus_per_job: How many GPUs one job gets.
        timeout_min: Minutes until a job is ended; null for no limit.
        stall_min: Minutes without growth of its log or history until a job is ended; null for no limit.
        grace_s: Seconds a job has to end once it is asked to.
        stagger_s: Least seconds between the starts of two jobs.
        min_free_mem_gb: GPU memory in GB that must be free before a job starts there; null to not look.
        preload: Modules imported once for all jobs, for instance ``[torch, accelerate, wandb]``.
    """

    _target_: str = "hydra_plugins.autoloop.launcher.SlotsLauncher"
    _recursive_: bool = False
    gpus: Any = "${oc.select:gpus,auto}"
    n_jobs: Any = "${oc.select:n_jobs,null}"
    jobs_per_gpu: Any = "${oc.select:jobs_per_gpu,1}"
    gpus_per_job: Any = "${oc.select:gpus_per_job,1}"
    timeout_min: Any = "${oc.select:timeout_min,null}"
    stall_min: Any = "${oc.select:stall_min,null}"
    grace_s: Any = "${oc.select:grace_s,10}"
    stagger_s: Any = "${oc.select:stagger_s,0}"
    min_free_mem_gb: Any = "${oc.select:min_free_mem_gb,null}"
    preload: Any = "${oc.select:preload,[]}"
