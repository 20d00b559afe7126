"""A tiny LeRobotDataset on disk, without the hub: 12 episodes of a point that moves to a target it can see.

Run in LeRobot's environment: ``python make_dataset.py DIRECTORY``.
"""

import sys

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

EPISODES, FRAMES, FPS, PIXELS = 12, 50, 10, 64
REPO_ID = "local/reach"


def image(position, target):
    """Draw both as squares: the target red, the point green."""
    picture = np.zeros((PIXELS, PIXELS, 3), dtype=np.uint8)
    for channel, place in ((0, target), (1, position)):
        row, column = (np.clip(place, 0.05, 0.95) * PIXELS).astype(int)
        picture[row - 3 : row + 3, column - 3 : column + 3, channel] = 255
    return picture


def main(root):
    features = {
        "observation.images.top": {
            "dtype": "image", "shape": (PIXELS, PIXELS, 3), "names": ["height", "width", "channels"]
        },
        "observation.state": {"dtype": "float32", "shape": (4,), "names": None},
        "action": {"dtype": "float32", "shape": (4,), "names": None},
    }  # fmt: skip
    dataset = LeRobotDataset.create(REPO_ID, fps=FPS, features=features, root=root, use_videos=False)
    rng = np.random.default_rng(0)
    for _ in range(EPISODES):
        position, target = rng.uniform(0.1, 0.9, 2), rng.uniform(0.1, 0.9, 2)
        for _ in range(FRAMES):
            step = np.clip(target - position, -0.05, 0.05)
            dataset.add_frame(
                {
                    "observation.images.top": image(position, target),
                    "observation.state": np.concatenate([position, step]).astype(np.float32),
                    "action": np.concatenate([position + step, step]).astype(np.float32),
                    "task": "reach the target",
                }
            )
            position = position + step
        dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    main(sys.argv[1])
