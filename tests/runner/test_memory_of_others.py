"""Learning from a directory that others made: whatever is in it, one error or nothing, and soon."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autoloop.curves.objective import Objective
from autoloop.errors import ConfigError
from autoloop.loop import telling
from autoloop.loop.score import earlier
from autoloop.loop.score.reduction import knobs
from autoloop.runner.memory import Memory, remember
from autoloop.study.record import Study
from tests.helpers.studies import job_event, replay, round_event, study_event, trial_event, variant_entry

HEAD = study_event(task="t", objective={"metric": "loss", "goal": "min", "stat": "last"})


def _learn(top: Path, own: Path) -> Memory:
    return remember([str(top)], own, "x", "t", Objective(metric="loss"))


def _write(study_dir: Path, *events: dict[str, Any]) -> None:
    lines = [json.dumps({"v": 1, **event}) for event in events]
    (study_dir / "study.jsonl").write_text("\n".join(lines) + "\n")


def _jobs(*parents: str | None) -> list[dict[str, Any]]:
    """A round of jobs ``j0``, ``j1`` and so on with these parents, each with an end."""
    entries = [
        variant_entry(
            job,
            f"j{job}",
            parent=parent,
            reason="r",
            rule="step" if parent else "baseline",
            changes=[["lr", job, job + 1]] if parent else [],
        )
        for job, parent in enumerate(parents)
    ]
    ends = [event for job in range(len(parents)) for event in (job_event(job), trial_event(job))]
    return [HEAD, round_event(1, *entries), *ends]


@pytest.mark.parametrize(
    "make",
    [
        lambda top: os.mkfifo(top / "study.jsonl"),
        lambda top: (top / "study.jsonl").mkdir(),
        lambda top: (top / "study.jsonl").symlink_to("study.jsonl"),
        lambda top: (top / "study.jsonl").symlink_to("/dev/zero"),
        lambda top: (top / "deeper").symlink_to(top),
        lambda top: (top / "study.jsonl").touch(),
        lambda top: (top / "study.jsonl").write_bytes(bytes(range(256)) * 100),
        lambda top: (top / "study.jsonl").write_text('{"event": "study", "task": "' + "x" * 20_000_000),
        lambda top: _write(top, HEAD, {"event": "round", "round": 10**30}),
    ],
    ids=["pipe", "folder", "loop", "device", "folders in a loop", "empty", "bytes", "endless", "wrong"],
)
def test_what_holds_no_study_is_one_error(tmp_path: Path, make: Callable[[Path], object]) -> None:
    (tmp_path / "top").mkdir()
    make(tmp_path / "top")
    with pytest.raises(ConfigError, match="holds no study to learn from"):
        _learn(tmp_path / "top", tmp_path / "own")


@pytest.mark.parametrize("parents", [["j0"], ["j1", "j0"], [None, "j2", "j1"]])
def test_parents_in_a_circle_end(tmp_path: Path, parents: list[str | None]) -> None:
    _write(tmp_path, *_jobs(*parents))
    assert len(_learn(tmp_path, tmp_path / "own").trials) == len(parents)


def test_no_study_learns_from_itself(tmp_path: Path) -> None:
    """By its own name, by a link, or as one of those below a directory that was named."""
    own, other = tmp_path / "all" / "own", tmp_path / "all" / "other"
    for study_dir in (own, other):
        study_dir.mkdir(parents=True)
    with pytest.raises(ConfigError, match="holds no study to learn from"):
        _learn(own, own)
    _write(own, *_jobs(None, "j0"))
    (tmp_path / "link").symlink_to(own)
    assert _learn(own, own).trials == _learn(tmp_path / "link", own).trials == ()
    _write(other, *_jobs(None))
    assert {trial.study for trial in _learn(tmp_path / "all", own).trials} == {str(other)}


def test_two_studies_may_learn_from_each_other(tmp_path: Path) -> None:
    """Each takes what the other's jobs came to, and nothing that the other had learnt."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        learnt = {"notes": [f"Learns from {'ab'.replace(name, '')}"], "noise_pct": None, "source": ""}
        head, *rest = _jobs(None, "j0")
        _write(tmp_path / name, {**head, "learnt": learnt}, *rest)
    for name, other in (("a", "b"), ("b", "a")):
        found = _learn(tmp_path / other, tmp_path / name)
        assert [trial.name for trial in found.trials] == ["j0", "j1"]
        assert len(found.notes) == 1


def _long(jobs: int) -> Study:
    """One line of descent, each job a child of the one before."""
    return replay(_jobs(None, *(f"j{job}" for job in range(jobs - 1))))


def test_of_a_very_long_study_so_much_is_learnt_and_each_ancestor_looked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What sets a trial apart is the same as of each one alone."""
    for module in (telling, earlier):
        monkeypatch.setattr(module, "OPEN", 60)
    for name, value in {"BEST": 10, "OTHERS": 10, "LATEST": 10}.items():
        monkeypatch.setattr(telling, name, value)
    study = _long(200)
    looked_at = 0
    whole = Study.parent

    def counting(study: Study, job: Any) -> Any:
        nonlocal looked_at
        looked_at += 1
        return whole(study, job)

    monkeypatch.setattr(Study, "parent", counting)
    found = list(earlier.earlier_trials(study, "long"))
    assert looked_at < 3 * 200
    monkeypatch.setattr(Study, "parent", whole)
    assert 20 <= len(found) <= 60
    for trial in found:
        job = study.by_name(trial.name)
        assert job is not None
        assert trial.values == {path: new for path, (_, new) in knobs(study, job).items()}
