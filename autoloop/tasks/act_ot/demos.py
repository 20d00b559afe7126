"""Demonstrations of both domains: recorded once, kept in a cache that concurrent jobs may share."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoloop.store.files import write_atomic
from autoloop.tasks.act_ot import world
from autoloop.tasks.act_ot.pairing import Pairing, pair_episodes
from autoloop.tasks.act_ot.settings import MAX_CHUNK_SIZE, DatasetSettings

EPISODE_FRAMES = 40  # the expert has every object in the bin by then (500 tables, both domains)
FORMAT = (
    1  # part of the cache's file name; raise it with every change of the world, the recording or the pairing
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Episodes:
    """Recorded episodes of one domain, ``e`` episodes of ``t = EPISODE_FRAMES`` frames.

    Attributes:
        images: Both cameras, (e, t, CAMERAS, IMAGE_SIZE) float32.
        proprio: The arm's own reading, (e, t, PROPRIO_DIM) float32.
        actions: The demonstrator's commands, (e, t + MAX_CHUNK_SIZE, ACTION_DIM) float32: longer than the
            pictures, so that every frame has a whole chunk of future commands.
        states: True positions of object and gripper, (e, t, 4) float32; used for pairing only.
    """

    images: NDArray[np.float32]
    proprio: NDArray[np.float32]
    actions: NDArray[np.float32]
    states: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """All data of a training.

    Attributes:
        src: Simulated episodes.
        tgt: Real episodes.
        held_out: Real episodes kept for the offline evaluation.
        pairing: Which source frames belong to each target frame.
    """

    src: Episodes
    tgt: Episodes
    held_out: Episodes
    pairing: Pairing


def load_demonstrations(settings: DatasetSettings, cache_dir: Path | None) -> Demonstrations:
    """Return the demonstrations ``settings`` ask for, from the cache if they are there.

    Args:
        settings: What to record; equal settings give equal numbers.
        cache_dir: Where recordings are kept; None records anew and keeps nothing. A cache that cannot be
            written is reported in the log and does without.
    """
    if cache_dir is None:
        return record_demonstrations(settings)
    path = cache_dir / f"act_ot-{_fingerprint(settings)}.npz"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        _log.warning("cannot read the cached demonstrations %s (%s): recording them anew", path, error)
    demonstrations = record_demonstrations(settings)
    try:
        _write(path, demonstrations)
    except OSError as error:
        _log.warning("cannot keep the demonstrations in %s: %s", path, error)
    return demonstrations


def record_demonstrations(settings: DatasetSettings) -> Demonstrations:
    """Let the demonstrator work in both domains and pair the episodes."""
    real = world.real_domain(settings.gap)
    counts = (settings.src_episodes, settings.tgt_episodes, settings.eval_episodes)
    rngs = (np.random.default_rng((settings.seed, index)) for index in range(len(counts)))
    src, tgt, held_out = (
        _record(count, domain, rng)
        for count, domain, rng in zip(counts, (world.SIM, real, real), rngs, strict=True)
    )
    return Demonstrations(src, tgt, held_out, pair_episodes(src.states, tgt.states))


def _record(n: int, domain: world.Domain, rng: np.random.Generator) -> Episodes:
    tables = world.reset(n, rng)
    speed = rng.uniform(0.1, 0.16, n)
    images, proprio, actions, states = [], [], [], []
    for frame in range(EPISODE_FRAMES + MAX_CHUNK_SIZE):
        commands = world.expert_actions(tables, speed)
        actions.append(commands)
        if frame < EPISODE_FRAMES:
            images.append(world.take_images(tables, domain, rng))
            proprio.append(world.read_proprio(tables, domain))
            states.append(np.concatenate([tables.object_xy, tables.gripper_xy], axis=1))
        tables = world.advance(tables, commands, domain, rng)
    return Episodes(
        *(np.stack(rows, axis=1).astype(np.float32) for rows in (images, proprio, actions, states))
    )


def _fingerprint(settings: DatasetSettings) -> str:
    text = json.dumps([FORMAT, asdict(settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> Demonstrations:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        blocks = {
            name: Episodes(**{item.name: stored[f"{name}/{item.name}"] for item in fields(Episodes)})
            for name in ("src", "tgt", "held_out")
        }
        pairing = Pairing(**{item.name: stored[f"pairing/{item.name}"] for item in fields(Pairing)})
    return Demonstrations(**blocks, pairing=pairing)


def _write(path: Path, demonstrations: Demonstrations) -> None:
    """Write the file in one step: another job sees the whole of it or none."""
    arrays = {
        f"{block.name}/{item.name}": getattr(getattr(demonstrations, block.name), item.name)
        for block in fields(demonstrations)
        for item in fields(getattr(demonstrations, block.name))
    }
    write_atomic(path, lambda file: np.savez(file, **arrays), mode=0o600)
