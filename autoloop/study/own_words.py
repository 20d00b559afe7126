"""Where in the lines of a journal stand words of ours and names, rather than texts.

The value of a variable that looks like a secret may happen to be such a word (``KEY_EVENT=decisions``). What
a study is made of must not change for that: a word is never taken for a secret, a name only for one that can
be no name, and in a setting only what stands behind the ``=``. In everything else, every secret is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Own: TypeAlias = "str | Mapping[str, Own]"
"""What stands at a place: one of the three below, or by key what stands within; ``*`` is any other one."""

WORD, NAME, SETTING = "word", "name", "setting"

_CHANGE: Own = {"0": WORD}
_PLANNED: Own = {
    "name": NAME,
    "parent": NAME,
    "rule": NAME,
    "evidence": NAME,
    "edits": SETTING,
    "overrides": SETTING,
    "signature": WORD,
    "changes": {"*": _CHANGE},
}
_DECISION: Own = {"rule": NAME, "trial": NAME, "judged": NAME, "evidence": NAME, "edits": SETTING}
_OBJECTIVE: Mapping[str, Own] = {"metric": WORD, "goal": WORD, "stat": WORD}
_AIMS: Mapping[str, Own] = {
    "objectives": {"*": _OBJECTIVE},
    "constraints": {"*": {"name": WORD, "op": WORD}},
}
_EVERY: Mapping[str, Own] = {
    "event": WORD,
    "name": NAME,
    "run_dir": NAME,
    "rule": NAME,
    "host": WORD,
    "gpus": WORD,
    "limits": WORD,
    "worthy": NAME,
}

ENDING: Mapping[str, Own] = {
    "state": WORD,
    "signal": WORD,
    "ended_by": WORD,
    "gpus": WORD,
    "host": WORD,
    "log": WORD,
    "boot_id": WORD,
    "process_start": WORD,
    "supervisor_start": WORD,
    "results": WORD,
    "values": WORD,
}
"""Of what a job or its supervisor writes down of its end."""

_OF_KIND: Mapping[str, Mapping[str, Own]] = {
    "study": {
        "autoloop": WORD,
        "task": NAME,
        "cwd": NAME,
        "overrides": SETTING,
        "objective": _OBJECTIVE,
        "aims": _AIMS,
        "starts": NAME,
        "identity": {"files": WORD, "knobs": WORD, "code": WORD},
        "settings": NAME,
    },
    "round": {"variants": {"*": _PLANNED}, "refused": {"*": _DECISION}, "aim": WORD},
    "placed": {"handle": WORD},
    "trial": {**ENDING, "summary": WORD, "run_id": WORD, "unheeded": WORD},
    "stopping": {"evidence": NAME},
    "objective": _OBJECTIVE,
    "decisions": {"decisions": {"*": _DECISION}},
    "stop": {"best": NAME},
    "resume": {"names": WORD},
    "control": {
        "action": WORD,
        "by": NAME,
        "asked_as": WORD,
        "signatures": WORD,
        "edits": SETTING,
        "of": NAME,
    },
}


def own_words(kind: str) -> Own:
    """Where in a line of that kind words of ours and names stand."""
    return {**_EVERY, **_OF_KIND.get(kind, {})}
