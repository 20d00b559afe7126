"""Asking the page's server in this process, without a socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HOST = "127.0.0.1:8787"
TOKEN = "the-token"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def server(root: Path, host: str = "127.0.0.1") -> Any:
    """The whole application for a directory."""
    from autoloop.views.serve.app import make_app

    return make_app(root, TOKEN, host, 8787)


def ask(app: Any, url: str, headers: dict[str, str] | None = None, body: Any = None) -> Answer:
    """One request; with a body it is a POST of JSON. ``Host`` is the server's own where none is given."""
    given = {"host": HOST, **(headers or {})}
    content = b"" if body is None else json.dumps(body).encode()
    if body is not None:
        given.setdefault("content-type", "application/json")
    scope = _scope(url, given, "GET" if body is None else "POST")
    return asyncio.run(_asked(app, scope, content))


async def follow(app: Any, states: list[int]) -> None:
    """Open the stream of news, and read it until cancelled; its state is appended once that is known."""

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            states.append(message["status"])

    await app(_scope("/api/events", {"host": HOST, **BEARER}, "GET"), receive, send)


def _scope(url: str, headers: dict[str, str], method: str) -> dict[str, Any]:
    parts = urlsplit(url)
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8787),
    }


async def _asked(app: Any, scope: dict[str, Any], content: bytes) -> Answer:
    status, headers, parts = 0, {}, []
    left = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop()
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return Answer(status, headers, b"".join(parts))
