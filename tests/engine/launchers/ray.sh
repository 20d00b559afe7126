#!/usr/bin/env bash
# Runs the tests of Ray in an environment of its own, made in $1 where it is not there yet; says so where Ray cannot
# be installed. hydra-ray-launcher 1.2.2 asks for cloudpickle below 3, which joblib 1.6 does not take, and its botocore for
# python-dateutil below 3.
set -euo pipefail
cd "$(dirname "$0")/../../.."
venv=$1

if [ ! -e "$venv/.ready" ]; then
    "${PYTHON:-python3}" -m venv "$venv"
    grep -v -i -E '^(cloudpickle|joblib|python-dateutil)==' constraints.txt > "$venv/constraints.txt"
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check -c "$venv/constraints.txt" \
        'ray[default]==2.60.0' 'hydra-ray-launcher==1.2.2' 'joblib<1.6' pytest pytest-timeout -e '.[act-ot]'; then
        echo "SKIPPED: the tests of Ray: it cannot be installed here" >&2
        exit 0
    fi
    touch "$venv/.ready"
fi
exec "$venv/bin/python" -m pytest tests/engine/launchers -m ray -rs --durations=0 -p no:cacheprovider
