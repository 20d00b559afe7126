"""What a job's environment tells W&B: offline unless asked, its files inside the study, its lineage."""

from __future__ import annotations

import netrc
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from omegaconf import DictConfig

from autoloop.errors import ConfigError

#: What makes one run of all jobs, or gives them the parameters of another program's sweep.
ONE_RUN = (
    "WANDB_RUN_ID",
    "WANDB_RUN_DIR",
    "WANDB_RUN_STORAGE_ID",
    "WANDB_RESUME",
    "WANDB_RESUME_FROM",
    "WANDB_FORK_FROM",
    "WANDB_SWEEP_ID",
    "WANDB_SWEEP_PARAM_PATH",
    "WANDB_LAUNCH",
    "WANDB_LAUNCH_CONFIG_PATH",
    "WANDB_LAUNCH_TRACE_ID",
)

#: Seconds between two writes of the history (wandb 0.31 and later): whoever looks on sees a job as it is.
_FLUSH = "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL"

#: Where a process finds the W&B service of another one; a job that finds it would report to that service,
#: so none is given them.
SERVICE_VARIABLES = ("WANDB_SERVICE", "_WANDB_SERVICE")


def wandb_environment(
    study_dir: Path,
    run_dir: Path,
    settings: Mapping[str, Any],
    lineage: Mapping[str, Any],
    asked: Mapping[str, str],
) -> dict[str, str]:
    """Environment variables for one job.

    Arguments that a trainer passes to ``wandb.init`` itself win over these.

    Args:
        study_dir: The sweep directory.
        run_dir: The job's directory, where its W&B files go.
        settings: The app's ``wandb`` config (mode, entity, project ...); empty if it has none.
        lineage: name, group, job_type, tags and notes of the run; empty outside a study.
        asked: The environment as the user set it: its WANDB_MODE stands where the config names none.
    """
    cache = cache_of(study_dir)
    mode = settings.get("mode") or asked.get("WANDB_MODE") or "offline"
    values: dict[str, Any] = {
        "WANDB_MODE": mode,
        "WANDB_DIR": run_dir,
        "WANDB_CACHE_DIR": cache,
        "WANDB_DATA_DIR": cache / "data",
        "WANDB_CONFIG_DIR": cache / "config",
        "WANDB_ARTIFACT_DIR": cache / "artifacts",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DISABLE_GIT": "true",
        _FLUSH: asked.get(_FLUSH) or "1",
        "WANDB_ENTITY": settings.get("entity"),
        "WANDB_PROJECT": settings.get("project"),
        "WANDB_NAME": lineage.get("name"),
        "WANDB_RUN_GROUP": lineage.get("group"),
        "WANDB_JOB_TYPE": lineage.get("job_type"),
        "WANDB_TAGS": ",".join(lineage.get("tags", ())),
        "WANDB_NOTES": lineage.get("notes"),
    }
    return {name: str(value) for name, value in values.items() if value not in (None, "")}


def cache_of(study_dir: Path) -> Path:
    """W&B's cache directory, which the jobs of a study share."""
    return study_dir / ".wandb_cache"


def left_out(environ: Mapping[str, str]) -> str:
    """Say which variables of the user's environment no job is given; empty if there are none."""
    names = [name for name in ONE_RUN if environ.get(name)]
    return (
        f"not passed to the jobs, because their W&B runs would become one: {', '.join(names)}"
        if names
        else ""
    )


def check_login(settings: object, environ: Mapping[str, str]) -> None:
    """Check that W&B runs that are to go online find a key, since without one every job would fail.

    Args:
        settings: The app's ``wandb`` config, if it has one.
        environ: The environment of the jobs.

    Raises:
        ConfigError: There is no key.
    """
    config = settings if isinstance(settings, Mapping | DictConfig) else {}
    mode = config.get("mode") or environ.get("WANDB_MODE")
    if mode != "online" or config.get("enable") is False:
        return
    host = urlsplit(environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    if not any(
        environ.get(name) for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
    ) and not _in_netrc(host, environ):
        raise ConfigError(
            f"wandb.mode=online, but there is no key for {host}: WANDB_API_KEY is not set and ~/.netrc has "
            "none; run `wandb login`, or train with wandb.mode=offline and upload later with `autoloop sync`"
        )


def _in_netrc(host: str, environ: Mapping[str, str]) -> bool:
    home = Path(environ.get("HOME") or Path.home())
    named = environ.get("NETRC")
    for path in [Path(named)] if named else [home / ".netrc", home / "_netrc"]:
        try:
            if netrc.netrc(str(path)).authenticators(host):
                return True
        except (OSError, netrc.NetrcParseError):  # noqa: PERF203 - two files
            continue
    return False
