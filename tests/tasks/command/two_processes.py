"""A training script for several processes: they add up their ranks over gloo and write what they saw.

Run by ``accelerate launch``; takes ``--output_dir=DIR`` and ``--config=FILE``.
"""

import json
import os
import pathlib
import sys
import time

import torch
from accelerate import Accelerator


def main():
    options = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
    accelerator = Accelerator()  # where it runs is accelerate's to find out
    total = accelerator.reduce(torch.tensor([float(accelerator.process_index + 1)]))
    output_dir = pathlib.Path(options["output_dir"])
    pause_s = json.loads(pathlib.Path(options["config"]).read_text())["pause_s"]
    if accelerator.is_main_process:
        output_dir.mkdir()
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
        from tests.helpers import wandb_file

        wandb_file.log(output_dir, [wandb_file.run(), wandb_file.row(1, {"loss": total.item()})])
    accelerator.wait_for_everyone()
    seen = {
        "rank": accelerator.process_index, "world": accelerator.num_processes, "sum": total.item(),
        "port": os.environ["MASTER_PORT"], "backend": torch.distributed.get_backend(), "pid": os.getpid(),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }  # fmt: skip
    (output_dir / f"rank{accelerator.process_index}.json").write_text(json.dumps(seen))
    try:
        time.sleep(pause_s)
    except KeyboardInterrupt:
        (output_dir / f"interrupted{accelerator.process_index}").touch()
        raise
    finally:
        accelerator.end_training()


if __name__ == "__main__":
    main()
