#!/usr/bin/env bash
# Hydra under `python -O`: overrides that hold a mapping or a function are refused with an unrelated error
#
# Versions:  hydra-core 1.3.8, omegaconf 2.3.1, CPython 3.11. Seen on 2026-11-30.
#
# Behaviour: with `python -O`, numbers, lists and comma lists on the command line work as always. A mapping, a sweep
#            such as choice() or range(), and a cast such as int() end with an AttributeError from inside the parser.
#            While it reads these, the parser steps over a bracket or a colon inside an `assert`, and -O takes
#            the step out with the assert.
#
# Seen:      word              python              python -O
#            +x=1              {'x': 1}            {'x': 1}
#            +x=[1,2]          {'x': [1, 2]}       {'x': [1, 2]}
#            +x={a:1}          {'x': {'a': 1}}     AttributeError: 'TerminalNodeImpl' object has no attribute ...
#            +x=choice(1,2)    {'x': 2}            AttributeError: the same
#            +x=range(1,3)     {'x': 2}            AttributeError: the same
#            +x=int(1.0)       {'x': 1}            AttributeError: the same
#
# Users:     PYTHONOPTIMIZE=1 in the environment of a cluster breaks sweeps that work on the desk, and the error names
#            neither -O nor the override. A job that is started with overrides of mappings needs asserts.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check hydra-core==1.3.8 omegaconf==2.3.1

cat > app.py <<'PY'
import hydra


@hydra.main(version_base="1.3", config_path=None)
def main(config):
    print(config)


if __name__ == "__main__":
    main()
PY

# The last line that the app prints, or that of its traceback.
last() { { venv/bin/python "$@" 2>&1 || true; } | tail -1; }

# WORD EXPECTED [same | error]: what the app gets of a word, with asserts and without.
check() {
    local mode=() plain optimised
    case $1 in *choice* | *range*) mode=(-m) ;; esac
    plain=$(last app.py ${mode[@]+"${mode[@]}"} "$1")
    optimised=$(last -O app.py ${mode[@]+"${mode[@]}"} "$1")
    printf '%-16s  %-18s  %s\n' "$1" "$plain" "$optimised"
    test "$plain" = "$2"
    case $3 in
    same) test "$optimised" = "$plain" ;;
    error) test "$optimised" = "AttributeError: 'TerminalNodeImpl' object has no attribute 'function'" ;;
    esac
}

check '+x=1' "{'x': 1}" same
check '+x=[1,2]' "{'x': [1, 2]}" same
check '+x={a:1}' "{'x': {'a': 1}}" error
check '+x=choice(1,2)' "{'x': 2}" error
check '+x=range(1,3)' "{'x': 2}" error
check '+x=int(1.0)' "{'x': 1}" error
