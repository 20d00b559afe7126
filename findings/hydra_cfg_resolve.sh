#!/usr/bin/env bash
# Hydra: `--cfg=hydra --resolve` refuses what every run of the app resolves
#
# Versions:  hydra-core 1.3.8, omegaconf 2.3.1, CPython 3.11. Seen on 2026-11-30.
#
# Behaviour: an app puts the name of the experiment into its run directory, `hydra.run.dir: runs/${name}`, where
#            `name` is a key of the app's own. It runs and makes runs/first. `--cfg=all --resolve` shows runs/first.
#            `--cfg=hydra --resolve` (and with `-p hydra.run`) ends with InterpolationKeyError: before resolving,
#            Hydra takes the app's keys out of the config, and with them what its own part refers to. Without
#            such a reference the same command works.
#
# Seen:      the run:                              runs/first
#            --cfg=all --resolve:                  dir: runs/first
#            --cfg=hydra:                          dir: runs/${name}
#            --cfg=hydra --resolve:                InterpolationKeyError: Interpolation key 'name' not found
#            --cfg=hydra --resolve, no reference:  dir: runs/plain
#
# Users:     a script that asks an app for its launcher or its directory in this way calls the config broken that
#            is not. Ask for `--cfg=all --resolve` and take the part called hydra.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.1

cat > app.py <<'PY'
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(config):
    print(Path(HydraConfig.get().runtime.output_dir).relative_to(Path.cwd()))


if __name__ == "__main__":
    main()
PY
cat > config.yaml <<'YAML'
name: first
hydra:
  run:
    dir: runs/${name}
YAML

# The line that tells: the directory of the run, or the last line of the traceback.
line() {
    { venv/bin/python app.py "$@" 2>&1 || true; } | grep -A1 -E '^(  run:|omegaconf\.errors\.)' |
        sed -n -e 's/^ *dir: /dir: /p' -e 's/^omegaconf\.errors\.//p'
}

run=$(venv/bin/python app.py)
all=$(line --cfg=all --resolve)
unresolved=$(line --cfg=hydra)
resolved=$(line --cfg=hydra --resolve)
plain=$(line --cfg=hydra --resolve hydra.run.dir=runs/plain)
echo "the run:                              $run"
echo "--cfg=all --resolve:                  $all"
echo "--cfg=hydra:                          $unresolved"
echo "--cfg=hydra --resolve:                $resolved"
echo "--cfg=hydra --resolve, no reference:  $plain"
test "$run" = "runs/first"
test "$all" = "dir: runs/first"
test "$unresolved" = 'dir: runs/${name}'
test "$resolved" = "InterpolationKeyError: Interpolation key 'name' not found"
test "$plain" = "dir: runs/plain"
