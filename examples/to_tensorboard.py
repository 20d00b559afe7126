"""Write the curves of a study for TensorBoard, one run per job: python to_tensorboard.py STUDY LOGDIR.

Look at them with: tensorboard --logdir LOGDIR
"""

import sys
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from autoloop.history import read_history
from autoloop.store.journal import read_study


def convert(study_dir: Path, log_dir: Path) -> None:
    for job in read_study(study_dir).counted():
        with SummaryWriter(str(log_dir / f"round_{job.round}" / job.name)) as writer:
            for metric, series in read_history(study_dir / job.run_dir).items():
                for step, value in zip(series.steps, series.values, strict=True):
                    writer.add_scalar(metric, value, step)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
