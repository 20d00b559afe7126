#!/usr/bin/env bash
# Hydra: a launcher's class in a config file wins over `hydra/launcher=...` on the command line, which is told as chosen
#
# Versions:  hydra-core 1.3.8, hydra-joblib-launcher 1.2.0, omegaconf 2.3.1, CPython 3.11. Seen on 2026-11-30.
#
# Behaviour: the command line chooses a member of the group hydra/launcher, whose config brings a `_target_`. An app's
#            config file that has `hydra.launcher._target_` too is composed after it, so its class is the one that is
#            made. `hydra.runtime.choices` still names what the command line chose. It is the same for sweepers: files
#            of search spaces are often written with the class of the sweeper they are meant for.
#
# Seen:      without the line: chosen basic, made BasicLauncher
#            with the line:    chosen basic, made JoblibLauncher
#
# Users:     "I chose another sweeper and it changed nothing": the choice is in .hydra/hydra.yaml and was not heeded.
#            Look for `_target_` below hydra.sweeper and hydra.launcher in the app's own files.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check \
    hydra-core==1.3.8 omegaconf==2.3.1 hydra-joblib-launcher==1.2.0

cat > app.py <<'PY'
import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins

made = []
instantiate = Plugins.instantiate_launcher


def noted(self, **given):
    made.append(type(instantiate(self, **given)).__name__)
    return instantiate(self, **given)


Plugins.instantiate_launcher = noted


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    return HydraConfig.get().runtime.choices["hydra/launcher"]


if __name__ == "__main__":
    main()
    print(made[0])
PY
mkdir conf
cat > conf/config.yaml <<'YAML'
x: 1
YAML

# The class that Hydra made, with this launcher chosen.
chosen() { venv/bin/python app.py -m hydra/launcher=basic x=1,2 2>/dev/null | tail -1; }
choice() { sed -n 's|^ *hydra/launcher: ||p' "$(find multirun -name hydra.yaml | sort | tail -1)"; }

without=$(chosen)
echo "without the line: chosen $(choice), made $without"
cat >> conf/config.yaml <<'YAML'
hydra:
  launcher:
    _target_: hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher
YAML
with=$(chosen)
echo "with the line:    chosen $(choice), made $with"
test "$without" = BasicLauncher
test "$with" = JoblibLauncher
test "$(choice)" = basic
