#!/usr/bin/env bash
# OmegaConf: a list as the default of an interpolation can be read, but not resolved in place
#
# Versions:  omegaconf 2.3.1, CPython 3.11. Seen on 2026-11-30.
#
# Behaviour: `${oc.select:tags,[]}` gives a default for a key that may be missing. Where the key is missing, reading
#            it gives an empty list, and `OmegaConf.to_container(config, resolve=True)` has that list in it. But
#            `OmegaConf.resolve(config)`, which does the same in place, raises UnsupportedValueType: the resolver's
#            answer is a plain Python list, which it tries to store as a single value. The same with a mapping as
#            the default. A number as the default is fine, and so is a list that does stand in the config.
#
# Seen:      read:                          list []
#            to_container(resolve=True):    dict {'wanted': []}
#            resolve, list as default:      UnsupportedValueType: Value 'list' is not a supported primitive type
#            resolve, mapping as default:   UnsupportedValueType: Value 'dict' is not a supported primitive type
#            resolve, number as default:    dict {'wanted': 3}
#            resolve, the key is there:     dict {'wanted': ['a'], 'tags': ['a']}
#
# Users:     a config works for weeks and fails in the first program that resolves it in place (Hydra's `--resolve`
#            does). Who handles configs of others reads them with to_container(resolve=True).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check omegaconf==2.3.1

cat > defaults.py <<'PY'
from omegaconf import OmegaConf


def told(action, *arguments) -> str:
    try:
        found = action(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return f"{type(found).__name__} {found}"


def made(default, **more):
    return OmegaConf.create({"wanted": f"${{oc.select:tags,{default}}}", **more})


def contained(config):
    return OmegaConf.to_container(config, resolve=True)


def resolved(config):
    OmegaConf.resolve(config)
    return OmegaConf.to_container(config)


FOUND = {
    "read": told(lambda: made("[]").wanted),
    "to_container(resolve=True)": told(contained, made("[]")),
    "resolve, list as default": told(resolved, made("[]")),
    "resolve, mapping as default": told(resolved, made("{}")),
    "resolve, number as default": told(resolved, made("3")),
    "resolve, the key is there": told(resolved, made("[]", tags=["a"])),
}
for name, found in FOUND.items():
    print(f"{name + ':':30} {found}")
refused = "UnsupportedValueType: Value '{}' is not a supported primitive type".format
assert list(FOUND.values()) == [
    "list []",
    "dict {'wanted': []}",
    refused("list"),
    refused("dict"),
    "dict {'wanted': 3}",
    "dict {'wanted': ['a'], 'tags': ['a']}",
], "the behaviour has changed"
PY
venv/bin/python defaults.py
