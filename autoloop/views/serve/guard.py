"""Who may look at the page: whoever has the token, from a page of this very server, under its own name."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Sent with every answer: the page runs and loads what this server has and nothing else."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Guard:
    """Lets requests through that may be answered; everything else gets 403.

    A page of another site can make a browser send requests here, under a name of its own that it lets lead
    here (DNS rebinding), or with this server's cookie. So the name in ``Host`` must be one of this server's,
    and ``Origin``, where there is one, the same.

    Args:
        app: What answers.
        token: The secret of the URL.
        host: The address that the server listens at.
        port: Its port, for the cookie's name: browsers share cookies among ports.
    """

    def __init__(self, app: ASGIApp, token: str, host: str, port: int) -> None:
        self._app = app
        self._token = token
        self._cookie = f"autoloop_{port}"
        self._names = {*LOOPBACK, host.strip("[]")}
        self._open = host not in LOOPBACK
        if self._open:
            self._names |= {socket.gethostname(), socket.getfqdn()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._refusal(scope)
        await (answer or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """What a request gets that is not let through; None where it is."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return _no("this server does not go by the name in your request's Host header")
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{host}":
            return _no("the request comes from a page of another site (Origin header)")
        if origin is None and scope["method"] not in ("GET", "HEAD") and "authorization" not in headers:
            return _no("the request does not say which page it comes from (Origin header)")
        return self._without_token(scope, headers)

    def _is_ours(self, host: str) -> bool:
        name = _name_in(host)
        return name in self._names or (self._open and _is_address(name))

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if self._is_token(query.get("token", [""])[0]):
            rest = urlencode([(key, one) for key, all_ in query.items() if key != "token" for one in all_])
            answer = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), status_code=303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
            return answer
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer):
            return None
        return None if self._is_token(self._in_cookie(headers)) else _no("open the address with its token")

    def _in_cookie(self, headers: Headers) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def _no(why: str) -> Response:
    return PlainTextResponse(f"403: {why}\n", status_code=403)


def _name_in(host: str) -> str:
    """The name that a ``Host`` header has; empty where it cannot be read."""
    if not 0 < len(host) < 300 or set(host) & set("/\\@?# "):
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
