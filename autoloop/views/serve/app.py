"""What the server answers: the page, its parts, and words to a study."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from autoloop.errors import AutoloopError
from autoloop.loop.controls import ACTIONS, SETTINGS, parse_control
from autoloop.store.files import inside
from autoloop.store.reading import end_of_log
from autoloop.store.redact import without_controls
from autoloop.store.requests import send
from autoloop.study.record import Job
from autoloop.views.report.figures.markup import Markup
from autoloop.views.report.figures.style import STYLE
from autoloop.views.serve.compare import comparison
from autoloop.views.serve.guard import Guard
from autoloop.views.serve.observed import Observed, as_json
from autoloop.views.serve.pieces import PIECES, log_file, one_job, summary
from autoloop.views.serve.shelf import Shelf
from autoloop.views.serve.table import rows

PAGE = Path(__file__).parent / "page"
FILES = {path.name: path for path in sorted(PAGE.iterdir()) if path.suffix in (".js", ".css")}
"""Files of the page that are sent as they are."""
BEAT_S = 1.0
"""Seconds between two looks of a page that is open."""
LOG_BYTES = 64_000
"""Of a job's log, its end, that is sent."""
PATIENCE_S = 4.0
"""Seconds that an answer to a word is waited for."""
MOST_DIGITS = 18
"""Of the number of a job."""
MOST_STREAMS = 64
"""Event streams that are open at a time; each looks at a study every second."""
MOST_BYTES = 20_000
"""Bytes of what a page may say at once."""


def make_app(root: Path, token: str, host: str, port: int, over: Callable[[], bool] = lambda: False) -> Guard:
    """The whole server.

    Args:
        root: The directory with the study, or with several.
        token: Who does not have it gets nothing.
        host: The address that it listens at.
        port: Its port.
        over: Whether the server is about to end, so that event streams end too.
    """
    pages = _Pages(root, over)
    routes = [
        Route("/", pages.index),
        Route("/page/{name}", pages.file),
        Route("/api/studies", pages.studies),
        Route("/api/summary", pages.summary),
        Route("/api/jobs", pages.jobs),
        Route("/api/piece/{name}", pages.piece),
        Route("/api/job/{job}", pages.job),
        Route("/api/log/{job}", pages.log),
        Route("/api/compare", pages.compare),
        Route("/api/events", pages.events),
        Route("/api/tell", pages.tell, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=4)
    return Guard(app, token, host, port)


class _Pages:
    """What is answered; the functions that are no coroutines run in threads."""

    def __init__(self, root: Path, over: Callable[[], bool]) -> None:
        self._shelf = Shelf(root)
        self._over = over
        self._streams = 0
        self._saying = threading.BoundedSemaphore(8)  # words that wait for an answer at a time

    def index(self, request: Request) -> Response:
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-store"})

    def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == "report.css":
            return Response(STYLE, media_type="text/css")
        if name not in FILES:
            raise HTTPException(404)
        kind = "text/javascript" if name.endswith(".js") else "text/css"
        return FileResponse(FILES[name], media_type=kind, headers={"Cache-Control": "no-cache"})

    def studies(self, request: Request) -> Response:
        return _json({"studies": self._shelf.listed(), "actions": ACTIONS, "settings": SETTINGS})

    def summary(self, request: Request) -> Response:
        return _json(summary(self._observed(request)))

    def jobs(self, request: Request) -> Response:
        observed = self._observed(request)
        made = observed.made("jobs", lambda: as_json(rows(observed.facts())))
        return Response(made, media_type="application/json")

    def piece(self, request: Request) -> Response:
        name, observed = request.path_params["name"], self._observed(request)
        if name not in PIECES:
            raise HTTPException(404)
        draw, live = PIECES[name]
        return _html(observed.made(f"piece {name}", lambda: draw(observed), live=live))

    def job(self, request: Request) -> Response:
        observed = self._observed(request)
        return _html(one_job(observed.facts(), _job(observed, request.path_params["job"])))

    def log(self, request: Request) -> Response:
        observed = self._observed(request)
        path = log_file(_job(observed, request.path_params["job"]))
        return PlainTextResponse(_tail(observed.study_dir, path))

    def compare(self, request: Request) -> Response:
        observed = self._observed(request)
        numbers = [one for one in request.query_params.get("jobs", "").split(",") if one]
        jobs = [_job(observed, number) for number in numbers[:100]]
        curves = {job.job: observed.curves(job) for job in jobs[:8]}
        return _html(comparison(observed.facts(), jobs, curves))

    async def events(self, request: Request) -> Response:
        """A stream that says when there is something new to see."""
        if self._streams >= MOST_STREAMS:
            raise HTTPException(503, f"{MOST_STREAMS} pages are open already; close some")
        observed = await run_in_threadpool(self._observed, request)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._counted(observed), media_type="text/event-stream", headers=headers)

    async def _counted(self, observed: Observed) -> AsyncIterator[bytes]:
        """The news of a study, as one stream more while somebody listens."""
        if self._streams >= MOST_STREAMS:  # many that came at the same moment
            return
        self._streams += 1
        try:
            async for line in _news(observed, self._over):
                yield line
        finally:
            self._streams -= 1

    async def tell(self, request: Request) -> Response:
        """Hand on what a user says; the answer is that of the process that runs the study."""
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise HTTPException(415, "send JSON")
        body = await _body(request)
        return await run_in_threadpool(self._send, request, body)

    def _send(self, request: Request, body: Any) -> Response:
        words = body.get("words") if isinstance(body, dict) else None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise HTTPException(400, 'send {"words": [..]}')
        observed = self._observed(request)
        try:
            control = parse_control(words)
            with self._saying:
                taken, outcome = send(observed.study_dir, observed.study(), control, PATIENCE_S)
        except AutoloopError as error:
            taken, outcome = False, str(error)
        return _json({"taken": taken, "outcome": without_controls(outcome)})

    def _observed(self, request: Request) -> Observed:
        try:
            found = self._shelf.observed(request.query_params.get("dir", ""))
            found.tick()
        except AutoloopError as error:
            raise HTTPException(404, without_controls(str(error))) from error
        return found


async def _body(request: Request) -> Any:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise HTTPException(413)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "send JSON") from error


async def _news(observed: Observed, over: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Lines of an event stream: the number of events and the beat, whenever one of them is another."""
    last: tuple[int, int] | None = None
    while not over():
        try:
            now = await run_in_threadpool(observed.tick)
        except (AutoloopError, OSError) as error:
            yield f"event: gone\ndata: {' '.join(str(error).split())}\n\n".encode()
            return
        if now != last:
            last = now
            yield f"data: {now[0]} {now[1]}\n\n".encode()
        else:
            yield b": still here\n\n"
        await asyncio.sleep(BEAT_S)


def _job(observed: Observed, number: str) -> Job:
    """The job of a number as an address has it."""
    known = number.isdecimal() and len(number) <= MOST_DIGITS
    job = observed.facts().study.jobs.get(int(number)) if known else None
    if job is None:
        raise HTTPException(404, f"there is no job {without_controls(number[:MOST_DIGITS])}")
    return job


def _tail(study_dir: Path, path: str) -> str:
    """The end of a log, without secrets and control characters."""
    if not path:
        return ""
    try:
        content = end_of_log(inside(study_dir, path), LOG_BYTES)
    except AutoloopError:
        return ""
    lines = [without_controls(line) for line in content.splitlines()]
    return "\n".join(lines)


def _json(value: object) -> Response:
    return Response(as_json(value), media_type="application/json")


def _html(markup: Markup) -> Response:
    return Response(str(markup).encode("utf-8", "replace"), media_type="text/html")
