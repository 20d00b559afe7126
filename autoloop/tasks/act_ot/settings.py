"""The task's settings: one frozen class per block of ``conf/task/act_ot.yaml``, checked when read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from autoloop.errors import ConfigError
from autoloop.tasks.act_ot.reading import SettingsReader, hint, plain

CAMERA_KEYS = ("observation.images.third_person_cam_color", "observation.images.ee_cam_color")
ACTION_KEY = "action"
MAX_CHUNK_SIZE = 16  # frames; the demonstrations are recorded this much longer than they are used


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """The demonstrations: how many per domain and how far apart the domains are.

    Attributes:
        src_episodes: Simulated demonstrations.
        tgt_episodes: Real demonstrations.
        eval_episodes: Held-out real demonstrations.
        gap: Distance of the real domain from the simulated one; 0 makes them equal.
        seed: Seed of the demonstrations, apart from the training's seed.
    """

    src_episodes: int = 96
    tgt_episodes: int = 6
    eval_episodes: int = 24
    gap: float = 1.6
    seed: int = 7

    def __post_init__(self) -> None:
        for name in ("src_episodes", "tgt_episodes", "eval_episodes"):
            _require(
                getattr(self, name) >= 1, f"dataset.{name} must be at least 1, got {getattr(self, name)}"
            )
        _require(0 <= self.gap <= 3, f"dataset.gap must be between 0 and 3, got {self.gap}")
        _require(self.seed >= 0, f"dataset.seed must not be negative, got {self.seed}")


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The policy and its optimizer.

    Attributes:
        type: The kind of policy; ``act`` is the only one.
        device: ``auto``, ``cpu`` or ``cuda``.
        use_amp: Train in bfloat16 mixed precision.
        optimizer_lr: Learning rate of AdamW, constant.
        optimizer_weight_decay: Weight decay of AdamW.
        dim_model: Width of the embeddings and of the transformer.
        n_heads: Attention heads; divides ``dim_model``.
        n_decoder_layers: Layers of the transformer decoder.
        latent_dim: Width of the CVAE's latent.
        chunk_size: Actions predicted at once.
        n_action_steps: Actions executed of each chunk in a rollout.
        kl_weight: Weight of the CVAE's KL term.
        ema_decay: Decay of the averaged weights that are evaluated and saved; 0 evaluates the raw weights.
    """

    type: str = "act"
    device: str = "auto"
    use_amp: bool = False
    optimizer_lr: float = 1e-3
    optimizer_weight_decay: float = 1e-4
    dim_model: int = 48
    n_heads: int = 4
    n_decoder_layers: int = 1
    latent_dim: int = 8
    chunk_size: int = 8
    n_action_steps: int = 4
    kl_weight: float = 1.0
    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        _require(self.type == "act", f"policy.type must be 'act', got {self.type!r}")
        _require(
            self.device in ("auto", "cpu", "cuda"),
            f"policy.device must be auto, cpu or cuda, got {self.device!r}",
        )
        for name in ("optimizer_lr", "optimizer_weight_decay", "kl_weight"):
            _require(
                getattr(self, name) >= 0, f"policy.{name} must not be negative, got {getattr(self, name)}"
            )
        for name in ("dim_model", "n_heads", "n_decoder_layers", "latent_dim", "n_action_steps"):
            _require(getattr(self, name) >= 1, f"policy.{name} must be at least 1, got {getattr(self, name)}")
        _require(
            self.dim_model % self.n_heads == 0,
            f"policy.n_heads={self.n_heads} must divide policy.dim_model={self.dim_model}",
        )
        _require(
            self.n_action_steps <= self.chunk_size <= MAX_CHUNK_SIZE,
            f"policy.chunk_size must be between n_action_steps={self.n_action_steps} and {MAX_CHUNK_SIZE}, "
            f"got {self.chunk_size}",
        )
        _require(0 <= self.ema_decay < 1, f"policy.ema_decay must be in [0, 1), got {self.ema_decay}")


@dataclass(frozen=True, slots=True)
class OptimizerSettings:
    """What is left to the optimizer block; the learning rate is ``policy.optimizer_lr``.

    Attributes:
        grad_clip_norm: Gradients are scaled down to this norm.
    """

    grad_clip_norm: float = 10.0

    def __post_init__(self) -> None:
        _require(
            self.grad_clip_norm > 0, f"optimizer.grad_clip_norm must be positive, got {self.grad_clip_norm}"
        )


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """One term of the transport cost between a source and a target window.

    Attributes:
        src_key: Camera key or ``action``: what is compared on the source side.
        tgt_key: The same for the target side.
        term_name: Name of the term in ``train/ot_cost/<term_name>``.
        use_learned_embed: Compare the policy's embeddings (cameras only; training can lower this distance).
        weight_embed: Weight of the squared distance of the embeddings.
        weight_label: Weight of the squared distance of the recorded values (training cannot lower it).
        dim_slice: First and last (exclusive) action dimension that is compared; None: all.
    """

    src_key: str
    tgt_key: str
    term_name: str
    use_learned_embed: bool = False
    weight_embed: float = 0.0
    weight_label: float = 0.0
    dim_slice: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        known = (*CAMERA_KEYS, ACTION_KEY)
        for name in ("src_key", "tgt_key"):
            key = getattr(self, name)
            _require(
                key in known, f"ot feature {self.term_name!r}: {name} {key!r} is unknown{hint(key, known)}"
            )
        for name in ("weight_embed", "weight_label"):
            _require(
                getattr(self, name) >= 0,
                f"ot feature {self.term_name!r}: {name} must not be negative, got {getattr(self, name)}",
            )
        _require(
            not self.use_learned_embed or ACTION_KEY not in (self.src_key, self.tgt_key),
            f"ot feature {self.term_name!r}: use_learned_embed needs a camera on both sides",
        )
        _require(
            (self.src_key == ACTION_KEY) == (self.tgt_key == ACTION_KEY),
            f"ot feature {self.term_name!r} compares a camera with actions",
        )
        _require(
            self.dim_slice is None or (len(self.dim_slice) == 2 and self.dim_slice[0] < self.dim_slice[1]),
            f"ot feature {self.term_name!r}: dim_slice must be [first, last], got {self.dim_slice}",
        )


def _default_features() -> tuple[FeatureSettings, ...]:
    third_person, end_effector = CAMERA_KEYS
    return (
        FeatureSettings(third_person, third_person, "img_third_person", True, weight_embed=0.05),
        FeatureSettings(end_effector, end_effector, "img_ee", True, weight_embed=0.05),
        FeatureSettings(ACTION_KEY, ACTION_KEY, "action_lbl", weight_label=0.02),
    )


@dataclass(frozen=True, slots=True)
class LossSettings:
    """The unbalanced transport problem.

    Attributes:
        features: Terms of the cost.
        reg: Weight of KL(plan | product of the marginals).
        tau_src: Weight of KL(plan's source marginal | uniform).
        tau_tgt: Weight of KL(plan's target marginal | uniform).
        heuristic: Transport each window to its own partner only (a diagonal prior).
    """

    features: tuple[FeatureSettings, ...] = field(default_factory=_default_features)
    reg: float = 0.1
    tau_src: float = 0.05
    tau_tgt: float = 0.05
    heuristic: bool = True

    def __post_init__(self) -> None:
        _require(self.reg > 0, f"ot.loss_config.reg must be positive, got {self.reg}")
        for name in ("tau_src", "tau_tgt"):
            _require(
                getattr(self, name) >= 0,
                f"ot.loss_config.{name} must not be negative, got {getattr(self, name)}",
            )
        names = [feature.term_name for feature in self.features]
        _require(len(set(names)) == len(names), f"ot.loss_config.features: term_name used twice in {names}")
        _require(
            bool(names), "ot.loss_config.features is empty; set ot.enable=false to train without transport"
        )


@dataclass(frozen=True, slots=True)
class OtSettings:
    """Optimal transport between the domains.

    Attributes:
        enable: False trains by behaviour cloning alone.
        lambda_ot: Weight of the transport loss beside the behaviour-cloning loss.
        batch_ratio: Paired windows per step, as a share of ``batch_size``.
        bc_src_weight: Share of simulated windows in the behaviour-cloning batch.
        window_size: A partner is drawn within this many frames of the matched frame.
        loss_config: The transport problem.
    """

    enable: bool = True
    lambda_ot: float = 0.1
    batch_ratio: float = 0.5
    bc_src_weight: float = 0.9
    window_size: int = 2
    loss_config: LossSettings = field(default_factory=LossSettings)

    def __post_init__(self) -> None:
        _require(self.lambda_ot >= 0, f"ot.lambda_ot must not be negative, got {self.lambda_ot}")
        _require(self.batch_ratio > 0, f"ot.batch_ratio must be positive, got {self.batch_ratio}")
        _require(
            0 <= self.bc_src_weight <= 1, f"ot.bc_src_weight must be in [0, 1], got {self.bc_src_weight}"
        )
        _require(self.window_size >= 0, f"ot.window_size must not be negative, got {self.window_size}")


@dataclass(frozen=True, slots=True)
class WandbSettings:
    """How the run is recorded; what is None is left to W&B's environment variables.

    Attributes:
        enable: False records nothing.
        mode: ``offline``, ``online``, ``shared`` or ``disabled``; None: ``WANDB_MODE``, else ``offline``.
        disable_artifact: Do not store the checkpoint as a W&B artifact.
    """

    enable: bool = True
    mode: str | None = None
    entity: str | None = None
    project: str | None = None
    group: str | None = None
    job_type: str | None = None
    name: str | None = None
    id: str | None = None
    dir: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] | None = None
    disable_artifact: bool = True


@dataclass(frozen=True, slots=True)
class ActOtSettings:
    """Everything one training needs; ``config`` is the whole config as given, for the record.

    ``resume_from`` is the ``output_dir`` of a shorter training with the same settings, which this one goes on
    from: the numbers are those of a training that was never interrupted. With ``save_checkpoint``, a training
    leaves what another one needs to go on in ``output_dir``; with ``save_freq`` also every so many steps on
    the way, in ``output_dir/step_<step>``.
    """

    steps: int = 2000
    log_freq: int = 50
    eval_freq: int = 200
    seed: int = 42
    batch_size: int = 16
    save_checkpoint: bool = False
    save_freq: int | None = None
    output_dir: str | None = None
    resume_from: str | None = None
    cache_dir: str | None = None
    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    ot: OtSettings = field(default_factory=OtSettings)
    wandb: WandbSettings = field(default_factory=WandbSettings)
    config: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("steps", "log_freq", "eval_freq", "batch_size"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1, got {getattr(self, name)}")
        _require(self.seed >= 0, f"seed must not be negative, got {self.seed}")
        every = self.save_freq
        _require(every is None or every >= 1, f"save_freq must be at least 1, got {every}")
        _require(
            not self.save_checkpoint or self.output_dir is not None,
            "save_checkpoint=true needs an output_dir",
        )


def read_settings(cfg: Mapping[str, Any]) -> ActOtSettings:
    """Read the task's settings out of a config.

    Args:
        cfg: A nested mapping; an omegaconf ``DictConfig`` is one.

    Returns:
        The settings, with defaults for keys that are missing.

    Raises:
        ConfigError: A key of one of the task's own blocks is unknown, or a value is of the wrong type or out
            of range.
    """
    given = plain(cfg)
    own = {key: value for key, value in given.items() if key != "config"}
    return replace(
        SettingsReader(tolerant=(ActOtSettings, WandbSettings)).read(ActOtSettings, own), config=given
    )
