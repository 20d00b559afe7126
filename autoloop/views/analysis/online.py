"""The runs of a W&B project, read through W&B's public API."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timezone
from io import StringIO
from itertools import islice
from numbers import Real
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from autoloop.errors import ConfigError, OutsideError
from autoloop.history.series import INTERNAL, History, RunRecord, Series
from autoloop.views.analysis.runs import AnalysedRun, Look, analyse

TIMEOUT_S = 15  # seconds for one answer of W&B's server
SAMPLES = 1000  # rows that W&B picks where a sampled history is asked for


@dataclass(frozen=True, slots=True)
class Query:
    """Which runs of a project to read.

    Attributes:
        project: ``ENTITY/PROJECT``.
        group: Only runs whose group contains this text; empty for all.
        tags: Only runs that have all of these tags.
        max_runs: At most so many, the newest; None for all.
        sampled: Take about 1,000 rows that W&B picks, not all: faster, but first and best may be missed.
    """

    project: str
    group: str = ""
    tags: tuple[str, ...] = ()
    max_runs: int | None = None
    sampled: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^/\s]+/[^/\s]+", self.project):
            raise ConfigError(f"{self.project!r} is not ENTITY/PROJECT")

    @property
    def filters(self) -> dict[str, Any]:
        """The same in the API's terms."""
        wanted: list[dict[str, Any]] = [{"tags": tag} for tag in self.tags]
        if self.group:
            wanted.append({"group": {"$regex": re.escape(self.group)}})
        return {"$and": wanted} if wanted else {}


def analyse_project(query: Query, look: Look) -> list[AnalysedRun]:
    """Analyse the runs of a project, newest first.

    Raises:
        OutsideError: There is no API key, no connection, or no such project.
    """
    with _client_errors(query.project):
        runs = _api().runs(query.project, filters=query.filters, order="-created_at")
        return [_analyse_run(run, query, look) for run in islice(runs, query.max_runs)]


def online_config(path: str) -> dict[str, Any]:
    """Return the config that a run logged, without W&B's own entries.

    Args:
        path: ``ENTITY/PROJECT/RUN``.

    Raises:
        ConfigError: ``path`` has another form.
        OutsideError: There is no API key, no connection, or no such run.
    """
    if not re.fullmatch(r"[^/\s]+/[^/\s]+/[^/\s]+", path):
        raise ConfigError(
            f"{path!r} is not ENTITY/PROJECT/RUN (RUN is the id at the end of the run's address)"
        )
    with _client_errors(path):
        return dict(_api().run(path).config)


def _analyse_run(run: Any, query: Query, look: Look) -> AnalysedRun:
    rows = run.history(samples=SAMPLES, pandas=False) if query.sampled else run.scan_history()
    history = history_of_rows(rows)
    history.run = _record(run)
    if not history:
        history.problem = "the run has logged no number"
    return analyse(f"{query.project}/{run.id}", history, look)


def history_of_rows(rows: Iterable[Mapping[str, Any]]) -> History:
    """Return rows of the API as a history: one mapping of metric to value per step, ``_step`` among them."""
    columns: dict[str, tuple[list[int], list[float]]] = {}
    skipped: dict[str, int] = {}
    count = 0
    for row in rows:
        step = int(row.get("_step", count))
        count += 1
        for name, value in row.items():
            number = _number(value)
            if number is not None:
                steps, values = columns.setdefault(name, ([], []))
                steps.append(step)
                values.append(number)
            elif value is not None:
                skipped[name] = skipped.get(name, 0) + 1
    series = {name: Series.of(values, steps) for name, (steps, values) in columns.items()}
    internal = {name: series.pop(name) for name in INTERNAL if name in series}
    internal.pop("_step", None)
    return History(series, rows=count, internal=internal, skipped=skipped)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if value in ("NaN", "Infinity", "-Infinity") else None
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


def _record(run: Any) -> RunRecord:
    return RunRecord(
        run_id=run.id,
        entity=run.entity,
        project=run.project,
        name=run.name or "",
        group=getattr(run, "group", None) or "",
        job_type=getattr(run, "job_type", None) or "",
        tags=tuple(run.tags or ()),
        config=dict(run.config),
        start_time=_seconds(run.created_at),
        url=run.url,
    )


def _seconds(created_at: str) -> float | None:
    try:
        moment = datetime.fromisoformat(created_at.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()


def _api() -> Any:
    """W&B's API; without a key it raises instead of asking, because there is no terminal to ask on."""
    import wandb

    silence = StringIO()
    with redirect_stdout(silence), redirect_stderr(silence):
        _reach(wandb.setup().settings.base_url)
        return wandb.Api(timeout=TIMEOUT_S)


def _reach(server: str) -> None:
    """Find out at once whether there is a way to the server; W&B's client goes on trying for long.

    Raises:
        ConnectionError: There is none.
    """
    if getproxies():
        return
    parts = urlsplit(server)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=TIMEOUT_S).close()
    except OSError as error:
        raise ConnectionError(f"no way to {server}: {error.strerror or error}") from error


@contextmanager
def _client_errors(what: str) -> Iterator[None]:
    """Turn whatever W&B's client raises into one line."""
    import requests
    from wandb.errors import Error, UsageError

    try:
        yield
    except UsageError as error:
        raise OutsideError(
            "reading W&B online needs an API key: set WANDB_API_KEY, or run `wandb login` "
            "(local runs need none: autoloop analyze DIR)"
        ) from error
    except (Error, ValueError, requests.RequestException, OSError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise OutsideError(f"cannot read {what} from W&B: {first.strip()}") from error
