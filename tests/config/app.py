"""An app whose first job edits the config files of its study while it runs."""

from __future__ import annotations

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(config):
    """Leave the width that was trained with, as a user would see it in the log."""
    hydra_config = HydraConfig.get()
    Path(hydra_config.runtime.output_dir, "width.txt").write_text(
        f"{config.width} {config.clip} {config.opt.k}"
    )
    if hydra_config.job.get("num", -1) == 0:
        file = Path(config.edits, "other.yaml")
        file.write_text(file.read_text().replace("width: 8", "width: 64"))
    return abs(config.lr - 0.35)


if __name__ == "__main__":
    main()
