#!/usr/bin/env bash
# hydra-joblib-launcher runs loky, whatever backend it is given
#
# Versions:  hydra-joblib-launcher 1.2.0, hydra-core 1.3.8, joblib 1.5.3, CPython 3.11. Seen on 2026-11-30.
#
# Behaviour: the launcher's settings are those of joblib.Parallel, `backend` among them, typed and shown by
#            `--cfg=hydra`. With `hydra.launcher.backend=threading` the config says threading, every job finds
#            threading in its config, and all jobs run in processes of loky: the launcher puts loky there just before
#            it starts, without a warning. Only its log line, of the level INFO, shows which one it took.
#
# Seen:      --cfg=hydra says:         backend: threading
#            the job's config says:    threading
#            the job runs in:          another process
#
# Users:     who chooses threads to share a model or a GPU context between jobs, or to avoid the start of a process,
#            gets a process for each slot and loads everything once more; the config on disk says something else.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check hydra-joblib-launcher==1.2.0 hydra-core==1.3.8 omegaconf==2.3.1 joblib==1.5.3

cat > app.py <<'PY'
import os
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig

os.environ.setdefault("MAIN", str(os.getpid()))


@hydra.main(version_base="1.3", config_path=None)
def main(config):
    where = "this process" if os.environ["MAIN"] == str(os.getpid()) else "another process"
    chosen = HydraConfig.get().launcher.backend
    Path(os.environ["SEEN"], str(HydraConfig.get().job.num)).write_text(f"{chosen}, {where}\n")


if __name__ == "__main__":
    main()
PY
mkdir seen
words=(hydra/launcher=joblib hydra.launcher.backend=threading hydra.launcher.n_jobs=2)
said=$(venv/bin/python app.py "${words[@]}" --cfg=hydra -p hydra.launcher | grep backend)
SEEN="$place/seen" venv/bin/python app.py -m "${words[@]}" +x=1,2 | grep 'is launching'
echo "--cfg=hydra says:       $said"
echo "the jobs say:           $(sort -u seen/*)"
test "$said" = "backend: threading"
test "$(sort -u seen/*)" = "threading, another process"
