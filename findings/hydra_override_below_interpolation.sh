#!/usr/bin/env bash
# Below a key that is an interpolation, Hydra's two errors advise each other, and what it takes replaces the mapping
#
# Versions:  hydra-core 1.3.8, omegaconf 2.3.0, CPython 3.11. Seen on 2026-11-30.
#
# Behaviour: a config has `b: {x: 1, y: 2}` and `a: ${b}`. `a.x=5` on the command line is refused, since 'x' "is not
#            in struct", with the advice to write `+a.x=5`; that is refused as well, since "an item is already at
#            'a.x'", with the advice to write `a.x=5`. The check of `+` looks through the interpolation, the override
#            itself does not. The third spelling, `++a.x=5`, and `+a.z=5` for a new key, are taken without a word:
#            the interpolation is replaced by a mapping with that one key, and what it referred to is gone.
#
# Seen:      a.x=5    To append to your config use +a.x=5
#            +a.x=5   Either remove + prefix: 'a.x=5'
#            ++a.x=5  {'b': {'x': 1, 'y': 2}, 'a': {'x': 5}}
#            +a.z=5   {'b': {'x': 1, 'y': 2}, 'a': {'z': 5}}
#
# Users:     config sections that refer to others (`optimizer: ${defaults.optimizer}`, plugin settings that default to
#            a section of the app) lose all their keys but one by an override that reads as a small change. Override
#            the mapping that is referred to (`b.x=5`), or print the config (`--cfg job --resolve`) before training.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.0

printf 'b: {x: 1, y: 2}\na: ${b}\n' > config.yaml
cat > app.py <<'PY'
import hydra
from omegaconf import OmegaConf


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg) -> None:
    print(OmegaConf.to_container(cfg, resolve=True))


main()
PY

said() { # the line of the app's output that tells what became of an override
    echo "$1  $({ venv/bin/python app.py hydra.run.dir=. "$1" 2>&1 || true; } | grep -E "^To append|^Either|^\{")"
}

said a.x=5 | tee seen
said +a.x=5 | tee -a seen
said ++a.x=5 | tee -a seen
said +a.z=5 | tee -a seen
cat > expected <<'TEXT'
a.x=5  To append to your config use +a.x=5
+a.x=5  Either remove + prefix: 'a.x=5'
++a.x=5  {'b': {'x': 1, 'y': 2}, 'a': {'x': 5}}
+a.z=5  {'b': {'x': 1, 'y': 2}, 'a': {'z': 5}}
TEXT
diff expected seen
