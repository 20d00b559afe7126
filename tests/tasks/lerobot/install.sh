#!/bin/sh
# A real LeRobot that trains on a machine without a GPU: tests/tasks/lerobot/install.sh VENV
#
# From Python 3.12 on that is LeRobot 0.6.1 as it comes, torch for GPUs included: 5.3 GB. UV names the uv to use.
# Before, it is 0.4.4. That asks for torch<2.11; the pin is overridden here, and what its training script does
# not import (robots, simulators, torchcodec, rerun) is left out.
set -eu
venv=$1
python=${PYTHON:-python3}
if "$python" -c "import sys; sys.exit(sys.version_info < (3, 12))"; then
    uv=${UV:-uv}
    "$uv" venv --quiet --clear --python "$python" "$venv"
    "$uv" pip install --quiet --python "$venv/bin/python" "lerobot[training]==0.6.1"
    "$venv/bin/python" -c "import lerobot.scripts.lerobot_train"
    touch "$venv/.ready"
    exit
fi
"$python" -m venv "$venv"
pip="$venv/bin/python -m pip --quiet --disable-pip-version-check install"
$pip "torch==2.13.0"
$pip --no-deps "torchvision==0.28.0" "lerobot==0.4.4"
$pip "draccus==0.10.0" "datasets>=4,<5" "huggingface-hub>=0.34.2,<0.36" "accelerate>=1.10,<2" \
    "einops>=0.8,<0.9" "gymnasium>=1.1.1,<2" jsonlines "termcolor>=2.4,<4" "wandb>=0.24,<0.25" \
    "packaging>=24.2,<26" safetensors "av>=15,<16" pyserial "deepdiff>=7.0.1,<9" "imageio>=2.34,<3" \
    "diffusers>=0.27.2,<0.36" pillow
# torchvision's compiled operators need CUDA's libraries. Without them torch refuses the fake kernels that
# torchvision registers for them: register only what exists.
"$venv/bin/python" - <<'PATCH'
import pathlib
import sysconfig

path = pathlib.Path(sysconfig.get_paths()["purelib"]) / "torchvision" / "_meta_registrations.py"
text = path.read_text()
for name in ("nms", "qnms"):
    line = f'@torch.library.register_fake("torchvision::{name}")\n'
    guarded = f'@(torch.library.register_fake("torchvision::{name}") if torchvision.extension._has_ops() else lambda f: f)\n'
    text = text.replace(line, guarded)
path.write_text(text)
PATCH
"$venv/bin/python" -c "import lerobot.scripts.lerobot_train"
touch "$venv/.ready"
