"""The scorecard that outlives a study: a JSON file that several studies may read and write."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autoloop.errors import ConfigError
from autoloop.loop.score import ProposalOutcome, Verdict
from autoloop.store.files import write_atomic

VERSION = 1  # of the file's form; another one is refused


def load_outcomes(path: Path, but: Collection[str] = ()) -> list[ProposalOutcome]:
    """Read what became of the proposals of earlier studies.

    Args:
        path: The file; one that does not exist holds nothing.
        but: Keys of studies to leave out: the one that asks, and those it knows from elsewhere.

    Raises:
        ConfigError: The file cannot be read as a scorecard.
    """
    studies = _read(path)
    try:
        return [_outcome(entry) for key, entries in studies.items() if key not in but for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"scorecard={path}: an entry of it is damaged: {error!r}") from error


def save_outcomes(path: Path, key: str, outcomes: Sequence[ProposalOutcome]) -> None:
    """Put one study's outcomes in, in place of those it put in before.

    Args:
        path: The file, made with its directories where it does not exist.
        key: What names the study, such as its directory.
        outcomes: What became of its proposals.

    Raises:
        ConfigError: The file that is there is no scorecard, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            studies = {**_read(path), key: [asdict(outcome) for outcome in outcomes]}
            write_atomic(path, json.dumps({"version": VERSION, "studies": studies}, indent=1))
    except OSError as error:
        raise ConfigError(f"scorecard={path} cannot be written: {error.strerror or error}") from error


def _read(path: Path) -> dict[str, Any]:
    """The file's studies: key -> list of outcomes."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"scorecard={path} cannot be read: {error}; give another path or move it away"
        ) from error
    if (
        not isinstance(content, dict)
        or content.get("version") != VERSION
        or not isinstance(content.get("studies"), dict)
    ):
        raise ConfigError(
            f"scorecard={path} is no scorecard of version {VERSION}; give another path or move it away"
        )
    return dict(content["studies"])


def _outcome(entry: Any) -> ProposalOutcome:
    return ProposalOutcome(
        str(entry["rule"]), tuple(entry["knobs"]), Verdict(entry["verdict"]), entry["gain_pct"]
    )
