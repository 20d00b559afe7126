"""A stand-in for W&B's GraphQL endpoint, as far as its public API asks it: over real HTTP, with pages."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VIEWER = {"id": "v", "entity": "ann", "username": "ann", "email": "", "flags": "{}", "teams": {"edges": []}}
FIELDS = [{"name": name} for name in ("id", "name", "projectId", "internalId", "runs")]


def make_run(name, rows, config=None, group="", tags=(), created="2026-01-01T00:00:00"):
    """Return a run as the server keeps it."""
    return {
        "id": name,
        "name": name,
        "displayName": f"run {name}",
        "state": "finished",
        "group": group,
        "tags": list(tags),
        "jobType": "",
        "sweepName": None,
        "createdAt": created,
        "heartbeatAt": created,
        "description": "",
        "notes": "",
        "config": json.dumps({key: {"value": value} for key, value in (config or {}).items()}),
        "summaryMetrics": "{}",
        "systemMetrics": "{}",
        "historyLineCount": len(rows),
        "user": {"name": "ann", "username": "ann"},
        "projectId": "1",
        "rows": rows,
    }


class Project:
    """The runs of one project and the requests that were made for them."""

    def __init__(self, runs):
        self.runs = runs
        self.asked = []

    def answer(self, query, variables):
        """Return the data that answers one query."""
        self.asked.append((query.split("(")[0].split()[-1], variables))
        if "viewer" in query:
            return {"viewer": VIEWER}
        if "__type" in query:  # what W&B's older clients ask first
            return {name: {"fields": FIELDS} for name in ("ProjectType", "RunType")}
        if variables.get("project") != "toy":
            return {"project": None}
        if "runs(" in query:
            return {"project": self.page(variables)}
        name = variables.get("name") or variables.get("run") or variables.get("runName")
        run = next((run for run in self.runs if run["name"] == name), None)
        return {"project": {"internalId": "1", "run": run and self.run(run, query, variables)}}

    def page(self, variables):
        """Return one page of the runs that the filters let through, newest first where asked."""
        wanted = json.loads(variables["filters"] or "{}").get("$and", [])
        found = [run for run in self.runs if all(map(passes, wanted, [run] * len(wanted)))]
        if variables.get("order") == "-created_at":
            found = sorted(found, key=lambda run: run["createdAt"], reverse=True)
        start = int(variables.get("cursor") or 0)
        end = start + min(2, variables["perPage"])  # so that two runs already need a second page
        edges = [{"node": run, "cursor": str(i)} for i, run in enumerate(found[start:end], start + 1)]
        info = {"endCursor": str(end), "hasNextPage": end < len(found)}
        return {
            "internalId": "1",
            "runCount": len(found),
            "readOnly": False,
            "runs": {"edges": edges, "pageInfo": info},
        }

    @staticmethod
    def run(run, query, variables):
        """Return what is asked of one run: all rows, some of them (as the sampling does), or its facts."""
        rows = run["rows"]
        first, last = variables.get("minStep", 0), variables.get("maxStep", 1 << 60)
        if "samples" in variables:
            rows = rows[:: max(1, len(rows) // 4)]
        history = [json.dumps(row) for row in rows if first <= row["_step"] < last]
        keys = {"lastStep": max((row["_step"] for row in run["rows"]), default=-1), "keys": {}}
        return {
            **run,
            "history": history,
            "historyKeys": keys,
            "parquetHistory": {"parquetUrls": [], "liveData": []},
        }


def passes(wanted, run):
    """Tell whether a run passes one of the filters."""
    if "tags" in wanted:
        return wanted["tags"] in run["tags"]
    return wanted["group"]["$regex"].replace("\\", "") in run["group"]


@contextmanager
def serve(project):
    """Serve a project on this machine; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = json.loads(body) if self.path.endswith("graphql") else {}
            answer = project.answer(asked["query"], asked.get("variables") or {}) if asked else {}
            text = json.dumps({"data": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # a client that hangs up early is not our concern
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
