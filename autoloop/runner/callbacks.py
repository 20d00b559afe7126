"""The Hydra callback of the loop: W&B's environment around a job, summaries and decisions after a round."""

from __future__ import annotations

import json
import os
import time
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from autoloop.curves.metrics import Metrics
from autoloop.engine.execute.child import is_supervised
from autoloop.engine.inside.runs import RunNoter
from autoloop.engine.wandb_env import ONE_RUN, SERVICE_VARIABLES, cache_of, wandb_environment
from autoloop.history.run_notes import mark_in
from autoloop.rules import judge
from autoloop.rules.base import Decision, Rule
from autoloop.runner.collect import JobEnd
from autoloop.runner.job_logs import leave_traceback
from autoloop.runner.named import named_in
from autoloop.store.files import LINEAGE_FILE
from autoloop.store.reading import read_history_of
from autoloop.study.trials import Trial

#: Variable of a job's environment that names its lineage file, for trainers that want to log it.
LINEAGE_VARIABLE = "AUTOLOOP_LINEAGE"


class RoundCallback(Callback):
    """Around each job and after each round; works under every launcher.

    ``on_job_start`` and ``on_job_end`` run in the job's process, ``on_round_end`` in the sweeper's. The
    sweeper adds one of these to the app's callbacks where the app has none.
    """

    def __init__(self) -> None:
        self._environment: dict[str, str] | None = None
        self._noter: RunNoter | None = None

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Point W&B into the study and tell it where the run comes from."""
        run_dir = Path(config.hydra.runtime.output_dir)
        lineage_file = run_dir / LINEAGE_FILE
        lineage = json.loads(lineage_file.read_text(encoding="utf-8")) if lineage_file.is_file() else {}
        study_dir = Path(lineage["study_dir"]) if lineage else run_dir
        settings = OmegaConf.select(config, "wandb")
        for name in SERVICE_VARIABLES:  # it is another process's, or one that has ended
            os.environ.pop(name, None)
        self._environment = dict(os.environ)
        cache = self._note_runs(run_dir, study_dir.resolve(), is_job=bool(lineage))
        if lineage:
            for name in ONE_RUN:
                os.environ.pop(name, None)
        settings = settings if isinstance(settings, Mapping | DictConfig) else {}
        paths = study_dir.resolve(), run_dir.resolve()
        os.environ.update(wandb_environment(*paths, settings, lineage, self._environment))
        if cache is not None:  # another way to the study's, which tells whose runs are whose
            os.environ["WANDB_CACHE_DIR"] = str(cache)
        if lineage:
            os.environ[LINEAGE_VARIABLE] = str(lineage_file.resolve())

    def _note_runs(self, run_dir: Path, study_dir: Path, is_job: bool) -> Path | None:
        """Have the W&B runs noted from here on; those of a trainer that a job started are the job's."""
        given = os.environ.get("WANDB_CACHE_DIR", "")
        if not is_job and mark_in(given):
            return Path(given)
        asked = os.environ.get("WANDB_DIR")
        places = [Path.cwd(), study_dir, *([Path(asked)] if asked else [])]
        self._noter = RunNoter(run_dir)
        return self._noter.begin(cache_of(study_dir), places)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Leave a note of how the job ended beside its files, and the environment as it was."""
        run_dir = Path(config.hydra.runtime.output_dir)
        if (run_dir / LINEAGE_FILE).is_file():
            failed = job_return.status is JobStatus.FAILED
            end = JobEnd.of(job_return._return_value, failed).with_note(run_dir)
            replace(end, named=named_in(config), ended_at=time.time()).write(run_dir)
            if end.failed and end.ended_by is None and not is_supervised():
                leave_traceback(run_dir, job_return._return_value)
        if self._noter is not None:
            self._noter.end()
        if self._environment is not None:
            os.environ.clear()
            os.environ.update(self._environment)

    def on_round_end(
        self,
        config: DictConfig,
        *,
        study_dir: Path,
        trials: Sequence[Trial],
        known: Mapping[str, Trial],
        rules: Sequence[Rule],
        metrics: Metrics,
        **kwargs: Any,
    ) -> list[Decision]:
        """Read the histories of the round's jobs from disk and ask the rules about them.

        Args:
            config: The sweep's config.
            study_dir: The sweep directory.
            trials: The round's trials as they were planned, as the journal has them (no curves).
            known: Every finished trial of the study by name.
            rules: The rules, in order of priority.
            metrics: Aliases and goals.
            **kwargs: What later versions may add.

        Returns:
            The decision of each rule on each trial, silent rules included.
        """
        judged = [read_history_of(trial, study_dir, metrics) for trial in trials]
        return judge(rules, judged, ChainMap({trial.name: trial for trial in judged}, known))  # type: ignore[arg-type]
