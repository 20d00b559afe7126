"""A stand-in for W&B's server, as far as a run that logs online talks to it: it takes everything it is sent.

It remembers how many rows each run has sent, so that a run can be resumed.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn

FIELDS = ("id", "name", "entity", "internalId")
TYPES = ("QueryType", "MutationType", "ServerInfoType", "ProjectType", "RunType")


class Server(ThreadingMixIn, HTTPServer):
    """The server; ``rows`` holds the history rows (as text) that each run has sent."""

    daemon_threads = True

    def __init__(self, address, handler):
        HTTPServer.__init__(self, address, handler)
        self.rows = {}


def bucket(name, asked, rows):
    """Return what the server knows about a run."""
    place = {"id": "p1", "name": asked.get("project") or "corpus", "entity": {"id": "e1", "name": "team"}}
    last = rows[-1] if rows else "{}"
    texts = {"config": "{}", "summaryMetrics": last, "wandbConfig": '{"t": 1}'}  # without t: never started
    return {
        "id": "b1", "name": name, "displayName": "named by the server", "description": "", "project": place,
        "sweepName": None, "tags": [], "historyLineCount": len(rows), "logLineCount": 0, "eventsLineCount": 0,
        "historyTail": json.dumps(rows[-1:]), "eventsTail": json.dumps(rows[-1:]), "history": "[]",
        "events": "[]", **texts,
    }  # fmt: skip


def reply(query, asked, rows):
    """Return the data that answers a query."""
    name = asked.get("name") or asked.get("run") or "run1"
    info = {"cliVersionInfo": {"max_cli_version": "9.0"}, "latestLocalVersionInfo": None, "features": []}
    user = {"id": "u1", "entity": "team", "username": "ann", "flags": "{}", "teams": {"edges": []}}
    if "upsertBucket" in query:
        known = bucket(name, asked, rows.get(name, []))
        return {"upsertBucket": {"bucket": known, "inserted": name not in rows}}
    if "createRunFiles" in query:
        return {"createRunFiles": {"runID": "b1", "uploadHeaders": [], "files": []}}
    if "__type" in query:
        return {kind: {"fields": [{"name": field} for field in FIELDS], "inputFields": []} for kind in TYPES}
    if "bucket(" in query:
        known = bucket(name, asked, rows[name]) if name in rows else None
        return {"model": {"id": "p1", "name": "corpus", "entity": {"name": "team"}, "bucket": known}}
    return {"viewer": user, "serverInfo": info}


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Answer a query, or take rows."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith("/graphql"):
            asked = json.loads(body)
            self.answer({"data": reply(asked["query"], asked.get("variables") or {}, self.server.rows)})
            return
        if self.path.endswith("/file_stream"):
            sent = json.loads(body).get("files", {}).get("wandb-history.jsonl", {})
            self.server.rows.setdefault(self.path.split("/")[-2], []).extend(sent.get("content", ()))
        self.answer({"exitcode": None, "limits": {}})

    def do_PUT(self):
        """Take a file."""
        self.do_POST()

    def do_GET(self):
        """Answer with nothing."""
        self.answer({})

    def answer(self, data):
        """Send data as JSON."""
        text = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        """Say nothing."""


@contextmanager
def served():
    """Serve on this machine; yields the address."""
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
