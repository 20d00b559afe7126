"""The outside proposer: a program of the user's that reads the study as JSON and prints edits.

It may be anything, a script or an agent around a language model. What it prints goes the way of every
proposal: same bounds, same checks. If it fails, that is written down and the round is filled without it.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoloop.edits import parse_edit
from autoloop.engine.execute.limited import run_limited
from autoloop.errors import ConfigError, EditError, did_you_mean
from autoloop.loop.score import pairs, verdicts
from autoloop.rules import checks
from autoloop.rules.base import Decision
from autoloop.store.redact import redact
from autoloop.strategies.base import OUTSIDE
from autoloop.study.decisions import Refusal
from autoloop.study.record import Study

KEYS = ("command", "timeout_s")
MOST_BYTES = 1_000_000  # characters of an answer; a longer one is refused
MOST_PROPOSALS = 100  # of one answer; further ones are left out
MOST_EDITS, LONGEST = 200, 2000  # edits of a proposal, and characters of one and of its parent's name


@dataclass(frozen=True, slots=True)
class Proposer:
    """The program.

    Attributes:
        command: Its command line; no shell reads it.
        timeout_s: Seconds until it is killed, with all that it started.
    """

    command: str
    timeout_s: float = 60.0

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Proposer:
        """Read ``strategy.proposer``.

        Raises:
            ConfigError: A key is not known, or its value cannot be used.
        """
        for key in config:
            if key not in KEYS:
                raise ConfigError(f"strategy.proposer has no key {key!r}{did_you_mean(str(key), KEYS)}")
        command = checks.text("strategy.proposer", "command", config.get("command"))
        return cls(
            command, checks.number("strategy.proposer", "timeout_s", config.get("timeout_s", 60.0), 0.1)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the program had to say.

    Attributes:
        proposals: Its proposals that can be read.
        problems: What of its answer cannot be used, and why.
    """

    proposals: tuple[Decision, ...] = ()
    problems: tuple[Refusal, ...] = ()


def ask(proposer: Proposer, question: Mapping[str, Any], parents: Mapping[str, Any], default: str) -> Answer:
    """Run the program once.

    Args:
        proposer: The program.
        question: What it gets as JSON on its standard input; see `question_of`.
        parents: Names of the trials that it may propose children of.
        default: The parent of a proposal that names none.
    """
    try:
        entries = _entries(_output(proposer, json.dumps(question, default=str)))
    except (OSError, ValueError) as error:
        return Answer(problems=(_problem(f"{proposer.command!r} cannot be run: {error}"),))
    except _FailedError as error:
        return Answer(problems=(_problem(f"{proposer.command!r} {error}"),))
    found = [_read_safely(entry, parents, default) for entry in entries[:MOST_PROPOSALS]]
    return Answer(
        tuple(one for one in found if isinstance(one, Decision)),
        tuple(one for one in found if isinstance(one, Refusal)),
    )


def question_of(
    study: Study, number: int, places: int, config: Mapping[str, Any], bounds: Any
) -> dict[str, Any]:
    """What the program gets to read.

    Args:
        study: The record.
        number: Number of the round to fill.
        places: How many jobs the round has.
        config: The baseline's config.
        bounds: Path pattern -> (low, high).
    """
    verdict_of, gains = verdicts(study), {pair.child.place: pair.gain_pct for pair in pairs(study)}
    trials = [
        {
            "name": job.name,
            "parent": job.plan.parent,
            "rule": job.plan.rule,
            "round": job.round,
            "edits": list(job.plan.edits),
            "changes": [list(change) for change in job.plan.changes],
            "state": job.state.value,
            "objective": job.objective if job.known else None,
            "gain_pct": gains.get(job.place),
            "verdict": verdict_of[job.place].value if job.place in verdict_of else None,
            "steps": job.steps,
            "error": job.error,
            "summary": dict(job.summary),
        }
        for job in study.counted()
        if job.state is not None
    ]
    return {
        "version": 1,
        "round": number,
        "places": places,
        "objective": {"metric": study.aim.metric, "goal": study.aim.goal},
        "bounds": {path: list(limits) for path, limits in bounds.items()},
        "baseline": config,
        "trials": trials,
    }


class _FailedError(Exception):
    """The program did not do its work."""


def _output(proposer: Proposer, text: str) -> str:
    """Run the program in a session of its own and return what it printed."""
    args = shlex.split(proposer.command)
    try:
        done = run_limited(args, text, timeout_s=proposer.timeout_s, end_rest=True, most_bytes=4 * MOST_BYTES)
    except subprocess.TimeoutExpired:
        raise _FailedError(f"did not answer within {proposer.timeout_s:g} s") from None
    if done.returncode:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        raise _FailedError(f"ended with exit code {done.returncode}: {_short(last.strip(), 200)}")
    if len(done.stdout) > MOST_BYTES:
        raise _FailedError(f"printed {len(done.stdout)} characters; at most {MOST_BYTES} are read")
    return done.stdout


def _entries(text: str) -> list[Any]:
    """The proposals in what was printed: one JSON list, JSON lines, or lines of edits."""
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except RecursionError:
        raise _FailedError("printed JSON that is nested too deep") from None
    except ValueError:
        return [_line(line) for line in text.splitlines() if line.strip()]


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return {"edits": line.split()}


def _read_safely(entry: Any, parents: Mapping[str, Any], default: str) -> Decision | Refusal:
    try:
        return _read(entry, parents, default)
    except RecursionError:
        return _problem("it is nested too deep")


def _read(entry: Any, parents: Mapping[str, Any], default: str) -> Decision | Refusal:
    """One proposal, or why it cannot be used."""
    edits = entry.get("edits") if isinstance(entry, Mapping) else None
    if not isinstance(edits, Sequence) or isinstance(edits, str) or not edits:
        return _problem(
            f"it is not a proposal {{parent, edits: [..], reason}}: {_short(json.dumps(entry), 200)}"
        )
    parent = str(entry.get("parent") or default)
    texts = tuple(str(edit) for edit in edits)
    if len(texts) > MOST_EDITS or max(map(len, (parent, *texts))) > LONGEST:
        begin = tuple(text[:LONGEST] for text in texts[:MOST_EDITS])
        why = f"it has more than {MOST_EDITS} edits, or one of over {LONGEST} characters"
        return _problem(why, edits=begin)
    if parent not in parents:
        return _problem(
            f"there is no finished trial {parent!r}{did_you_mean(parent, parents)}", parent, texts
        )
    try:
        read = tuple(str(parse_edit(text)) for text in texts)
    except EditError as error:
        return _problem(error.why, parent, texts)
    reason = str(entry.get("reason") or "").strip() or "proposed from outside"
    expects = _short(str(entry.get("expects") or ""), 500)
    return Decision(OUTSIDE, parent, _short(reason, 500), edits=read, expects=expects)


def _short(text: str, length: int) -> str:
    """The beginning of what the program said, without secrets."""
    return redact(text, os.environ)[:length]


def _problem(why: str, parent: str = "", edits: tuple[str, ...] = ()) -> Refusal:
    return Refusal(parent, OUTSIDE, edits, why)
