"""Legacy files: ``wandb-history.jsonl`` (wandb up to 0.9) and ``wandb-summary.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from autoloop.history.files import open_regular, read_note
from autoloop.history.series import INTERNAL, History, RunRecord
from autoloop.history.source import Source
from autoloop.history.values import as_number, leaves, parse_json
from autoloop.history.wandb.columns import Columns
from autoloop.history.wandb.kinds import SUMMARY
from autoloop.history.wandb.runlog import run_url

_MAX_CONFIG = 1 << 18  # bytes of a config.yaml that is read: parsing takes 10 s a MB
_MAX_NODES = 100_000  # values in it


def read_jsonl(source: Source, keys: Iterable[str] | None = None) -> History:
    """Return the history in a ``wandb-history.jsonl``: one JSON object per line, with ``_step``."""
    columns, bad = Columns(keys), list[int]()
    number, step = 0, -1
    try:
        with open_regular(source.path) as lines:
            for number, line in enumerate(lines, start=1):
                row = parse_json(line.decode("utf-8", "replace"))
                if not isinstance(row, dict):
                    bad += [number] if line.strip() else []
                    continue
                logged = row.get("_step")
                step = logged if type(logged) is int and abs(logged) < 1 << 63 else step + 1
                columns.rows += 1
                _add(columns, step, row)
    except OSError as error:
        return History(problem=f"{source.path} cannot be read: {error.strerror or error}", path=source.path)
    problem = ""
    if bad:
        problem = f"{source.path}: {len(bad)} lines are not JSON objects (first: line {bad[0]})"
    elif number == 0:
        problem = f"{source.path} is empty"
    return _history(source, columns, problem)


def read_summary(source: Source, keys: Iterable[str] | None = None) -> History:
    """Return the last values in a ``wandb-summary.json`` as series of one point each."""
    summary = _json_file(source.path)
    columns = Columns(keys)
    step = summary.get("_step")
    columns.rows = 1
    _add(columns, step if type(step) is int and abs(step) < 1 << 63 else 0, summary)
    problem = f"no history on disk, only the last values in {source.path} (one point per metric)"
    return _history(source, columns, problem)


def _add(columns: Columns, step: int, row: dict[str, Any]) -> None:
    for key, value in row.items():
        for name, leaf in leaves(str(key), value):
            columns.add(step, name, as_number(leaf))


def _history(source: Source, columns: Columns, problem: str) -> History:
    """Return the collected columns with what the files beside them say about the run."""
    series = columns.series()
    internal = {name: series.pop(name) for name in INTERNAL if name in series}
    internal.pop("_step", None)
    metadata = _beside(source, "wandb-metadata.json")
    code = metadata.get("exitcode")
    return History(
        series,
        problem,
        run=_run_record(source, metadata),
        summary=_json_file(source.path) if source.kind == SUMMARY else _beside(source, "wandb-summary.json"),
        exit_code=code if type(code) is int else None,
        finished=metadata.get("state") in ("finished", "failed"),
        skipped=columns.skipped(),
        internal=internal,
        rows=columns.rows,
        source=source.kind,
        path=source.path,
    )


def _run_record(source: Source, metadata: dict[str, Any]) -> RunRecord | None:
    if not source.run_id:
        return None
    text = {key: value for key, value in metadata.items() if isinstance(value, str)}
    tags = metadata.get("tags")
    facts: dict[str, Any] = {
        "run_id": source.run_id,
        "entity": text.get("entity", ""),
        "project": text.get("project", ""),
        "name": text.get("name", ""),
        "group": text.get("group", ""),
        "job_type": text.get("jobType", ""),
        "notes": text.get("notes", ""),
        "tags": tuple(map(str, tags)) if isinstance(tags, list) else (),
        "config": _config(source),
    }
    return RunRecord(**facts, url=run_url(RunRecord(**facts)))


def _config(source: Source) -> dict[str, Any]:
    """Return the config in a run dir's ``config.yaml``: key -> {desc, value}."""
    import yaml  # takes longer to import than all of this package, and only the oldest runs need it

    for path in _candidates(source, "config.yaml"):
        try:
            content = yaml.safe_load(read_note(path, _MAX_CONFIG))
        except (OSError, yaml.YAMLError, ValueError, RecursionError):
            continue
        if isinstance(content, dict) and _nodes_left(content, _MAX_NODES) > 0:
            given = ((str(k), v) for k, v in content.items() if isinstance(v, dict) and "value" in v)
            return {key: entry["value"] for key, entry in given if key != "_wandb"}
    return {}


def _nodes_left(value: Any, budget: int) -> int:
    """Return what is left of a number of nodes; YAML's aliases make a small file a huge tree."""
    if budget <= 0 or not isinstance(value, dict | list):
        return budget - 1
    for item in value.values() if isinstance(value, dict) else value:
        budget = _nodes_left(item, budget)
        if budget <= 0:
            break
    return budget - 1


def _beside(source: Source, name: str) -> dict[str, Any]:
    return next((found for path in _candidates(source, name) if (found := _json_file(path))), {})


def _candidates(source: Source, name: str) -> Iterator[Path]:
    yield source.run_dir / name
    yield source.run_dir / "files" / name


def _json_file(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, empty if there is none."""
    try:
        content = json.loads(read_note(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
