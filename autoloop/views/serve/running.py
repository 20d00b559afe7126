"""Starting the server, and ending it."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autoloop.errors import ConfigError, OutsideError

PORT = 8787
"""The port that is tried first where none is asked for."""
NICE = 10
"""Added to the niceness of the process: the page is drawn with what the jobs leave of the CPU."""


def serve(
    root: Path, host: str, port: int | None, on_ready: Callable[[str], None], with_parent: bool = False
) -> None:
    """Show the studies of a directory until the process is interrupted.

    Args:
        root: A study's directory, or one with studies below it.
        host: The address to listen at.
        port: The port; 0 for any that is free, None for `PORT` or, where that is taken, any.
        on_ready: Called once with the address to open, token included.
        with_parent: Whether it ends when its standard input does, as that of a child does with its parent.

    Raises:
        OutsideError: Starlette or uvicorn is not installed.
        ConfigError: There cannot be listened at that address.
    """
    try:
        import uvicorn

        from autoloop.views.serve.app import make_app
    except ImportError as error:
        raise OutsideError("the page needs starlette and uvicorn: pip install 'autoloop[serve]'") from error
    listening, token = _listen(host, port), secrets.token_urlsafe(24)
    found = listening.getsockname()[1]
    ending: list[Any] = []
    app: Any = make_app(root, token, host, found, lambda: any(one.should_exit for one in ending))
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=3, ws="none", lifespan="off"
    )
    server = uvicorn.Server(config)
    ending.append(server)
    if with_parent:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    os.nice(NICE)
    on_ready(address(host, found, token))
    with listening:
        server.run(sockets=[listening])


def address(host: str, port: int, token: str) -> str:
    """The address to open, which lets whoever has it in."""
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/?token={token}"


def _listen(host: str, port: int | None) -> socket.socket:
    tried = [PORT, 0] if port is None else [port]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in tried:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, number))
        except OSError as error:
            listening.close()
            if number == tried[-1]:
                why = error.strerror or str(error)
                raise ConfigError(
                    f"cannot listen at {host} port {number}: {why}; choose another --port"
                ) from error
        else:
            listening.listen(128)
            return listening
    raise AssertionError("unreachable")


def _end_with_input(server: Any) -> None:
    """End the server when nobody holds the other end of standard input any more."""
    while sys.stdin.buffer.read(1):
        pass
    server.should_exit = True
