"""The table both domains share: a gripper reaches an object, grasps it and carries it to a bin.

Everything is vectorised over ``n`` tables at once. Lengths are in table units: the table spans [-1, 1] on
both axes. The real domain differs in dynamics (the arm's base is turned, it falls short of its commands and
shakes) and in observation (cameras turned and shifted, darker pictures with a background and noise, a biased
gripper reading).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

ACTION_DIM = 3  # x and y of the commanded move in units of COMMAND_SCALE, then close (> 0) or open
PROPRIO_DIM = 3  # x and y of the gripper as it reads itself, then closed (1) or open (-1)
CAMERAS = 2  # third person, end effector
IMAGE_SIDE = 12  # pixels
IMAGE_SIZE = 2 * IMAGE_SIDE**2  # two channels: the target of the work, and the gripper or the bin

COMMAND_SCALE = 0.125  # table units per unit of action
EE_ZOOM = 3.0  # the end-effector camera sees this much closer
MAX_MOVE = 0.2  # table units per frame that the arm can do at most
GRASP_RADIUS = 0.2  # a closed (magnetic) gripper catches an object this near
CLOSE_DISTANCE = 0.05  # the expert closes when the object is this near
BIN_RADIUS = 0.2  # an object this near to the bin lies in it
BIN_XY = np.array([0.0, 0.9])


@dataclass(frozen=True, slots=True)
class Domain:
    """How one domain moves and sees; the defaults are the simulation.

    Attributes:
        move_gain: Share of a commanded move the arm really does.
        move_angle: Rotation of the arm's base, so of every move, radians.
        move_noise: Standard deviation of the arm's shake, table units per frame.
        camera_angle: Rotation of the third-person camera, radians; the end-effector camera has half of it.
        camera_zoom: Scale of the third-person picture.
        camera_shift: Shift of the third-person picture, table units.
        dimming: Share of the light that is missing.
        background: Brightness of the background pattern.
        pixel_noise: Standard deviation of the pixels.
        proprio_bias: What the gripper's own reading is off by, table units.
    """

    move_gain: float = 1.0
    move_angle: float = 0.0
    move_noise: float = 0.0
    camera_angle: float = 0.0
    camera_zoom: float = 1.0
    camera_shift: tuple[float, float] = (0.0, 0.0)
    dimming: float = 0.0
    background: float = 0.0
    pixel_noise: float = 0.0
    proprio_bias: float = 0.0


SIM = Domain()


def real_domain(gap: float) -> Domain:
    """Return the real domain at distance ``gap`` from the simulation; 0: the same, 1.6: as shipped."""
    return Domain(
        move_gain=1.0 - 0.0125 * gap,
        move_angle=0.075 * gap,
        move_noise=0.00125 * gap,
        camera_angle=0.3 * gap,
        camera_zoom=1.0 - 0.15 * gap,
        camera_shift=(0.1 * gap, -0.075 * gap),
        dimming=0.4 * gap,
        background=0.2 * gap,
        pixel_noise=0.03 * gap,
        proprio_bias=0.05 * gap,
    )


@dataclass(frozen=True, slots=True)
class Tables:
    """The state of ``n`` tables.

    Attributes:
        object_xy: Positions of the objects, (n, 2).
        gripper_xy: Positions of the grippers, (n, 2).
        closed: Whether the gripper is closed, (n,).
        held: Whether the gripper holds the object, (n,).
    """

    object_xy: Array
    gripper_xy: Array
    closed: NDArray[np.bool_]
    held: NDArray[np.bool_]


def reset(n: int, rng: np.random.Generator) -> Tables:
    """Return ``n`` tables with an object somewhere and the open gripper near the bin."""
    object_xy = rng.uniform((-1.0, -1.0), (1.0, 0.5), (n, 2))
    gripper_xy = rng.uniform((-0.3, 0.5), (0.3, 1.0), (n, 2))
    return Tables(object_xy, gripper_xy, np.zeros(n, bool), np.zeros(n, bool))


def advance(tables: Tables, actions: Array, domain: Domain, rng: np.random.Generator) -> Tables:
    """Move all tables one frame on.

    Args:
        tables: The state of n tables.
        actions: Commands, (n, 3).
        domain: How the arm moves.
        rng: Source of the arm's shake.

    Returns:
        The next state. An object that is caught moves with the gripper from then on, until the gripper opens.
    """
    commanded = actions[:, :2] * COMMAND_SCALE
    length = np.linalg.norm(commanded, axis=1, keepdims=True)
    move = _turn(commanded * np.minimum(1.0, MAX_MOVE / np.maximum(length, 1e-9)), domain.move_angle)
    move = move * domain.move_gain
    if domain.move_noise > 0:
        move = move + rng.normal(scale=domain.move_noise, size=move.shape)
    closed = actions[:, 2] > 0
    near = np.linalg.norm(tables.object_xy - tables.gripper_xy, axis=1) < GRASP_RADIUS
    held = closed & (tables.held | near)
    object_xy = tables.object_xy + move * held[:, None]
    return Tables(object_xy, tables.gripper_xy + move, closed, held)


def expert_actions(tables: Tables, speed: Array) -> Array:
    """Return the demonstrator's commands: to the object, close, to the bin, at ``speed`` (n,) per frame."""
    to_goal = np.where(tables.held[:, None], BIN_XY, tables.object_xy) - tables.gripper_xy
    distance = np.linalg.norm(to_goal, axis=1, keepdims=True)
    move = to_goal * np.minimum(1.0, speed[:, None] / np.maximum(distance, 1e-9))
    close = tables.held | (distance[:, 0] < CLOSE_DISTANCE)
    return np.concatenate([move / COMMAND_SCALE, np.where(close, 1.0, -1.0)[:, None]], axis=1)


def in_bin(tables: Tables) -> NDArray[np.bool_]:
    """Tell for each table whether its object lies in the bin, (n,)."""
    near: NDArray[np.bool_] = np.linalg.norm(tables.object_xy - BIN_XY, axis=1) < BIN_RADIUS
    return near


def read_proprio(tables: Tables, domain: Domain) -> Array:
    """Return what the arm reads of itself, (n, PROPRIO_DIM)."""
    closed = np.where(tables.closed, 1.0, -1.0)[:, None]
    return np.concatenate([tables.gripper_xy + domain.proprio_bias, closed], axis=1)


def take_images(tables: Tables, domain: Domain, rng: np.random.Generator) -> Array:
    """Return the pictures of both cameras.

    Args:
        tables: The state of n tables.
        domain: How the cameras see.
        rng: Source of the pixel noise.

    Returns:
        Brightness of each pixel, mostly in [0, 1], (n, CAMERAS, IMAGE_SIZE): the third-person camera sees
        object and gripper on the whole table, the end-effector camera object and bin around the gripper.
    """
    whole_table = np.stack([tables.object_xy, tables.gripper_xy], axis=1)
    around = np.stack([tables.object_xy, np.broadcast_to(BIN_XY, tables.object_xy.shape)], axis=1)
    around = (around - tables.gripper_xy[:, None]) * EE_ZOOM
    angle = domain.camera_angle
    scene = _turn(whole_table, angle) * domain.camera_zoom + np.array(domain.camera_shift)
    images = np.stack([_draw_blobs(scene), _draw_blobs(_turn(around, 0.5 * angle))], axis=1)
    return _expose(images, domain, rng)


_GRID = np.linspace(-1.3, 1.3, IMAGE_SIDE)
_BLOB_AREAS = (0.12, 0.06)  # squared widths of the two channels' blobs, table units


def _turn(points: Array, angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    turned: Array = points @ np.array([[cos, sin], [-sin, cos]])
    return turned


def _draw_blobs(points: Array) -> Array:
    """Draw points (n, 2 channels, 2) as one blob per channel, a product of two bells, (n, IMAGE_SIZE)."""
    areas = np.array(_BLOB_AREAS)[:, None]
    bells = np.exp(
        -((_GRID - points[..., None]) ** 2) / areas[None, :, None]
    )  # (n, channel, axis, IMAGE_SIDE)
    blobs: Array = bells[:, :, 1, :, None] * bells[:, :, 0, None, :]
    return blobs.reshape(len(points), IMAGE_SIZE)


def _expose(images: Array, domain: Domain, rng: np.random.Generator) -> Array:
    if domain == SIM:
        return images
    waves = np.sin(3 * _GRID[None, :] + 2 * _GRID[:, None])
    pattern = domain.background * np.concatenate([(1 + 0.6 * waves).ravel(), (1 - 0.6 * waves).ravel()])
    exposed = np.clip((1 - domain.dimming) * images + pattern, 0, 1) ** (1 + domain.dimming)
    exposed += domain.pixel_noise * rng.normal(size=images.shape)
    return exposed
