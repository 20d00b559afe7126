"""The training: behaviour cloning on both domains plus the transport loss, evaluated on the real one."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.nn import functional

from autoloop.errors import ConfigError
from autoloop.tasks.act_ot import world
from autoloop.tasks.act_ot.alignment import Metrics, transport_loss
from autoloop.tasks.act_ot.batches import Batch, BatchSampler, as_windows, image_statistics
from autoloop.tasks.act_ot.checkpoint import (
    TrainingState,
    check_output_dir,
    load_progress,
    save_policy,
    save_progress,
)
from autoloop.tasks.act_ot.demos import Demonstrations, load_demonstrations
from autoloop.tasks.act_ot.errors import DivergedError
from autoloop.tasks.act_ot.evaluation import PREFIX, offline_errors, success_rate
from autoloop.tasks.act_ot.policy import ActPolicy
from autoloop.tasks.act_ot.settings import ActOtSettings, PolicySettings
from autoloop.tasks.act_ot.tracking import Recorder, WindowMeans, recording, store_checkpoint

_log = logging.getLogger(__name__)


def train_policy(settings: ActOtSettings) -> dict[str, float]:
    """Train once and return the last logged value of each metric.

    Raises:
        ConfigError: The device is not there, or several processes were launched for this one training.
        ConfigError: ``resume_from`` holds no training to go on from.
        OutputDirError: ``output_dir`` exists already.
        DivergedError: A logged metric is not finite.
    """
    check_output_dir(settings.output_dir)
    with (
        _accelerator(settings.policy) as accelerator,
        _reproducibly(settings.seed, accelerator),
        recording(settings) as run,
    ):
        cache_dir = None if settings.cache_dir is None else Path(settings.cache_dir)
        demonstrations = load_demonstrations(settings.dataset, cache_dir)
        training = Training(settings, demonstrations, accelerator)
        if settings.resume_from is not None:
            training.go_on_from(load_progress(Path(settings.resume_from), settings.steps))
        final = _run_loop(training, settings, run)
        if settings.save_checkpoint and settings.output_dir is not None:
            begun = Path(settings.output_dir).exists()
            saved = save_policy(training.averaged, settings.policy, settings.output_dir, begun)
            store_checkpoint(run, saved, settings.wandb)
            save_progress(training.progress(), saved)
    return final


def _save_on_the_way(training: Training, settings: ActOtSettings) -> None:
    """Leave a checkpoint where one is due; the one at the end is another."""
    every, output_dir = settings.save_freq, settings.output_dir
    if not settings.save_checkpoint or every is None or output_dir is None:
        return
    if training.steps % every == 0 and training.steps < settings.steps:
        saved = save_policy(training.averaged, settings.policy, Path(output_dir, f"step_{training.steps}"))
        save_progress(training.progress(), saved)


class Training:
    """The state of one training: the policy, its averaged copy, the optimizer and the data."""

    def __init__(
        self, settings: ActOtSettings, demonstrations: Demonstrations, accelerator: Accelerator
    ) -> None:
        """Build everything on the accelerator's device."""
        device, chunk_size = accelerator.device, settings.policy.chunk_size
        src, tgt, self._held_out = (
            as_windows(episodes, chunk_size, device)
            for episodes in (demonstrations.src, demonstrations.tgt, demonstrations.held_out)
        )
        self._settings, self._accelerator = settings, accelerator
        self._sampler = BatchSampler(src, tgt, demonstrations.pairing, settings.seed + 1)
        policy = ActPolicy(settings.policy, *image_statistics(src, tgt)).to(device)
        self.averaged = copy.deepcopy(policy).eval().requires_grad_(False)
        optimizer = torch.optim.AdamW(
            policy.parameters(),
            lr=settings.policy.optimizer_lr,
            weight_decay=settings.policy.optimizer_weight_decay,
            fused=True,
        )
        self._policy, self._optimizer = accelerator.prepare(policy, optimizer)
        self._steps = 0

    @property
    def steps(self) -> int:
        """How many steps were trained, those before a checkpoint included."""
        return self._steps

    def progress(self) -> TrainingState:
        """All that another training needs to go on from here."""
        policy = self._accelerator.unwrap_model(self._policy)
        tensors = {f"policy.{name}": value for name, value in policy.state_dict().items()}
        tensors |= {f"averaged.{name}": value for name, value in self.averaged.state_dict().items()}
        tensors |= {
            f"optimizer.{index}.{name}": value
            for index, moments in self._optimizer.state_dict()["state"].items()
            for name, value in moments.items()
        }
        tensors["random.cpu"] = torch.get_rng_state()
        if self._accelerator.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self._accelerator.device)
        return TrainingState(self._steps, tensors, self._sampler.position)

    def go_on_from(self, progress: TrainingState) -> None:
        """Take up a training where another one ended.

        Raises:
            ConfigError: Its policy has other shapes than this one.
        """
        try:
            self._accelerator.unwrap_model(self._policy).load_state_dict(progress.part("policy"))
            self.averaged.load_state_dict(progress.part("averaged"))
        except RuntimeError as error:
            raise ConfigError(f"resume_from holds a policy of another shape: {error}") from error
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in progress.part("optimizer").items():
            index, _, moment = name.partition(".")
            state.setdefault(int(index), {})[moment] = value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})
        self._sampler.position = dict(progress.position)
        self._steps = progress.step
        random = progress.part("random")
        torch.set_rng_state(random["cpu"])
        if "cuda" in random and self._accelerator.device.type == "cuda":
            torch.cuda.set_rng_state(random["cuda"], self._accelerator.device)

    def step(self) -> Metrics:
        """Train on one batch and return its metrics, without the ``train/`` prefix."""
        batch = self._sampler.draw(self._settings.batch_size, self._settings.ot)
        loss, metrics = self._loss(batch)
        self._optimizer.zero_grad()
        self._accelerator.backward(loss)
        norm = self._accelerator.clip_grad_norm_(
            self._policy.parameters(), self._settings.optimizer.grad_clip_norm
        )
        self._optimizer.step()
        self._steps += 1
        self._average()
        return {"loss": loss.detach(), **metrics, "grad_norm": norm, "lr": self._settings.policy.optimizer_lr}

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the averaged policy in the real domain, under their full names."""
        policy = self._settings.policy
        real = world.real_domain(self._settings.dataset.gap)
        rate = success_rate(self.averaged, real, policy.n_action_steps)
        return {
            **offline_errors(self.averaged, self._held_out, policy.kl_weight),
            f"{PREFIX}success_rate": rate,
        }

    def _loss(self, batch: Batch) -> tuple[torch.Tensor, Metrics]:
        policy, ot = self._settings.policy, self._settings.ot
        if batch.src is None or batch.tgt is None:
            prediction = self._policy(batch.cloning)
        else:
            prediction = self._policy(batch.cloning, torch.cat([batch.src.images, batch.tgt.images]))
        l1 = functional.l1_loss(prediction.actions, batch.cloning.actions)
        loss = l1 + policy.kl_weight * prediction.kld
        metrics: Metrics = {"l1_loss": l1.detach(), "kld_loss": prediction.kld.detach()}
        if batch.src is None or batch.tgt is None:
            return loss, metrics
        src_embeddings, tgt_embeddings = prediction.embeddings.chunk(2)
        transport, transport_metrics = transport_loss(
            batch.src, batch.tgt, (src_embeddings, tgt_embeddings), ot.loss_config
        )
        return loss + ot.lambda_ot * transport, metrics | transport_metrics

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged weights towards the raw ones, faster while they are young."""
        decay = min(self._settings.policy.ema_decay, self._steps / (10 + self._steps))
        current = self._accelerator.unwrap_model(self._policy)
        for averaged, raw in zip(self.averaged.parameters(), current.parameters(), strict=True):
            averaged.lerp_(raw, 1 - decay)


def _run_loop(training: Training, settings: ActOtSettings, run: Recorder) -> dict[str, float]:
    means = WindowMeans()
    final: dict[str, float] = {}
    for step in range(training.steps + 1, settings.steps + 1):
        means.add(training.step())
        is_last = step == settings.steps
        row: dict[str, float] = {}
        if step % settings.log_freq == 0 or is_last:
            row = {f"train/{name}": value for name, value in means.pop().items()}
        if step % settings.eval_freq == 0 or is_last:
            row |= training.evaluate()
        if row:
            run.log(dict(row), step=step)
            _log.info("step %d: %s", step, ", ".join(f"{name}={value:.5g}" for name, value in row.items()))
            final |= row
            _check_finite(row, step)
        _save_on_the_way(training, settings)
    return final


def _check_finite(row: dict[str, float], step: int) -> None:
    bad = tuple(name for name, value in row.items() if not math.isfinite(value))
    if bad:
        raise DivergedError(step, bad)


@contextmanager
def _reproducibly(seed: int, accelerator: Accelerator) -> Iterator[None]:
    """Seed torch and use one thread, and give the caller his state back: same seed, same bits."""
    threads = torch.get_num_threads()
    devices = [accelerator.device] if accelerator.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def _accelerator(settings: PolicySettings) -> Iterator[Accelerator]:
    """Give an accelerator for this training alone; its process-wide state is cleared afterwards."""
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("policy.device=cuda, but torch sees no GPU here; use policy.device=auto or cpu")
    accelerator = Accelerator(
        cpu=settings.device == "cpu", mixed_precision="bf16" if settings.use_amp else "no"
    )
    if accelerator.num_processes != 1:
        raise ConfigError(
            f"task=act_ot trains in one process, but {accelerator.num_processes} were launched; "
            "give each job one GPU"
        )
    try:
        yield accelerator
    finally:
        AcceleratorState._reset_state(
            reset_partial_state=True
        )  # else a second training keeps the first's device
