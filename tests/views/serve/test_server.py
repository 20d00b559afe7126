"""The page's server: who is let in, what it answers, and that names of a study stay text."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("starlette", reason="the extra 'serve' is not installed")

from autoloop.store.journal import Journal
from autoloop.store.requests import answer, pending
from autoloop.views.serve import app as app_module
from autoloop.views.serve.app import FILES, LOG_BYTES
from autoloop.views.serve.observed import Observed
from autoloop.views.serve.running import address
from autoloop.views.serve.shelf import Shelf
from autoloop.views.serve.table import MOST_KNOBS
from tests.helpers.places import DATA
from tests.helpers.studies import event_of, variant_entry
from tests.views.serve.asking import BEARER, HOST, TOKEN, ask, follow, server

PLAIN = DATA / "studies" / "plain"
HOSTILE = "<img src=x onerror=alert(1)>\x1b]0;own\x07"


@pytest.fixture
def running(tmp_path: Path):
    """A study that this very process runs: a baseline that runs and a child that waits."""
    with Journal(tmp_path) as journal:
        me = {"pid": os.getpid(), "host": socket.gethostname()}
        journal.append(event_of("study", task=HOSTILE, settings={}, **me))
        child = variant_entry(1, HOSTILE, parent="baseline", rule=HOSTILE, reason=HOSTILE, edits=["lr@mul=2"])
        child["changes"] = [["lr", 1.0, HOSTILE]]
        journal.append(event_of("round", round=1, variants=[variant_entry(0, "baseline"), child], refused=[]))
        journal.append(event_of("job", job=0, run_dir="0"))
        yield journal


def test_no_token_no_page():
    app = server(PLAIN)
    for url in ("/", "/api/jobs", "/page/main.js", "/nothing", "/?token=wrong"):
        assert ask(app, url).status == 403
    for headers in (
        {"cookie": "autoloop_8787=wrong"},
        {"authorization": "Bearer wrong"},
        {"cookie": "\x00="},
    ):
        assert ask(app, "/", headers).status == 403


def test_the_address_leaves_a_cookie_and_no_token_in_the_bar():
    app = server(PLAIN)
    first = ask(app, f"/?dir=.&token={TOKEN}")
    assert (first.status, first.headers["location"]) == (303, "/?dir=.")
    cookie = first.headers["set-cookie"]
    assert all(part in cookie for part in ("autoloop_8787=", "HttpOnly", "SameSite=strict"))
    page = ask(app, "/?dir=.", {"cookie": cookie.partition(";")[0]})
    assert page.status == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe-inline'; img" not in page.headers["content-security-policy"].partition("style-src-attr")[0]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert address("::1", 80, "t") == "http://[::1]:80/?token=t"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", "", "a@127.0.0.1"]
)
def test_another_name_of_this_machine_is_refused(host: str):
    """A page elsewhere may let a name of its own lead here."""
    assert "Host header" in ask(server(PLAIN), "/", {**BEARER, "host": host}).text


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8787"])
def test_names_of_the_loopback_are_let_in_at_any_port(host: str):
    """Through SSH the port is another."""
    assert ask(server(PLAIN), "/", {**BEARER, "host": host}).status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8787", "http://127.0.0.1:1"]
)
def test_pages_of_others_are_refused(origin: str):
    assert "Origin header" in ask(server(PLAIN), "/api/jobs", {**BEARER, "origin": origin}).text


def test_a_cookie_alone_tells_a_study_nothing():
    """Without an origin a word is heeded with the token itself only."""
    app, cookie = server(PLAIN), {"cookie": f"autoloop_8787={TOKEN}"}
    said = {"words": ["pause"]}
    assert ask(app, "/api/tell", cookie, said).status == 403
    assert ask(app, "/api/tell", {**cookie, "origin": f"http://{HOST}"}, said).status == 200
    assert ask(app, "/api/tell", {**BEARER, "content-type": "text/plain"}, said).status == 415


def test_every_part_of_a_study_is_answered():
    app = server(PLAIN)
    for name in ("result", "running", "feed", "lineage", "slots", "knobs"):
        assert ask(app, f"/api/piece/{name}", BEARER).text.startswith("<")
    jobs = ask(app, "/api/jobs", BEARER).json
    assert [job["job"] for job in jobs["jobs"]] == [0, 1, 2, 3, 4, 5]
    assert len(jobs["paths"]) <= MOST_KNOBS
    assert jobs["best"] == 4
    assert "faster" in ask(app, "/api/job/1", BEARER).text
    assert "wandb" in ask(app, "/api/log/1", BEARER).text
    compared = ask(app, "/api/compare?jobs=1,2,4", BEARER).text
    assert compared.count("swatch") == 3
    assert "optimizer.lr" in compared
    assert ask(app, "/api/summary", BEARER).json["over"] is True


@pytest.mark.parametrize(
    "url", ["/api/piece/x", "/api/job/99", "/api/log/99", "/page/x.js", "/page/..%2fapp.py"]
)
def test_what_is_not_there_is_not_found(url: str):
    assert ask(server(PLAIN), url, BEARER).status == 404


@pytest.mark.parametrize("host", ["[", "[x]", "::1]:80", "[::1", "a" * 5000])
def test_a_name_that_cannot_be_read_is_refused(host: str):
    assert ask(server(PLAIN), "/", {**BEARER, "host": host}).status == 403


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "%C2%B2", "1e3", "0x1"])
@pytest.mark.parametrize("url", ["/api/job/{}", "/api/log/{}", "/api/compare?jobs={}"])
def test_a_number_that_no_job_has_is_not_found(url: str, number: str):
    """Also one that no integer can be made of."""
    assert ask(server(PLAIN), url.format(number), BEARER).status == 404


def test_so_many_pages_are_followed_and_no_more(monkeypatch: pytest.MonkeyPatch):
    """The next one is told so; one that is closed makes room."""
    monkeypatch.setattr(app_module, "MOST_STREAMS", 2)
    page = server(PLAIN)
    assert asyncio.run(_followers(page, 4)) == [200, 200, 503, 503]
    assert asyncio.run(_followers(page, 2)) == [200, 200]


async def _followers(page: object, count: int) -> list[int]:
    """Open so many streams one after the other, then close them; their states."""
    found: list[int] = []
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(follow(page, found)))
        while len(found) <= number:
            await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


def test_one_study_is_followed_once_whatever_words_lead_to_it():
    shelf = Shelf(DATA / "studies")
    assert len({id(shelf.observed(place)) for place in ("plain", "./plain", "plain/.", "plain//")}) == 1


@pytest.mark.parametrize(
    "place", ["..", "../other_rules", "/etc", "nothing", "0", "\0", "a" * 5000, "plain/x"]
)
def test_no_study_elsewhere_is_shown(place: str):
    assert ask(server(PLAIN), f"/api/jobs?dir={quote(place)}", BEARER).status == 404


def test_many_studies_have_an_index():
    listed = ask(server(DATA / "studies"), "/api/studies", BEARER).json["studies"]
    places = {one["dir"]: one["over"] for one in listed}
    assert places["plain"] == "all 3 rounds are done"
    assert len(places) > 3
    assert ask(server(DATA / "studies"), "/api/jobs?dir=plain", BEARER).status == 200
    assert ask(server(DATA / "studies"), "/api/jobs", BEARER).status == 404


def test_names_of_a_study_stay_text(running: Journal):
    app = server(running.path.parent)
    urls = [f"/api/piece/{name}" for name in ("result", "running", "feed", "lineage", "slots", "knobs")]
    for url in [*urls, "/api/job/1", "/api/compare?jobs=0,1"]:
        found = ask(app, url, BEARER).text
        assert "<img" not in found
        assert "\x1b" not in found
    rows = ask(app, "/api/jobs", BEARER)
    assert "\x1b" not in rows.text
    assert rows.headers["content-type"] == "application/json"
    for name, path in FILES.items():
        if name.endswith(".js"):  # markup is made in one place, of what the server drew
            assert ("innerHTML" in path.read_text()) == (name == "parts.js"), name


def test_what_is_told_goes_the_way_of_requests(running: Journal):
    """The server leaves a request and nothing else; who runs the study answers."""
    study_dir = running.path.parent
    before = {path.name for path in study_dir.iterdir()}

    def desk() -> None:
        while not (found := pending(study_dir)):
            pass
        assert found[0].control is not None
        answer(found[0], replace(found[0].control, taken=True, outcome="job 0 is stopped"))

    thread = threading.Thread(target=desk)
    thread.start()
    said = ask(server(study_dir), "/api/tell", BEARER, {"words": ["stop", "0"]}).json
    thread.join()
    assert said == {"taken": True, "outcome": "job 0 is stopped"}
    assert {path.name for path in study_dir.iterdir()} - before == {"controls"}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"words": ["stopp"]}, 200, "did you mean"),
        ({"words": []}, 200, "say what to do"),
        ({"words": "stop 0"}, 400, "words"),
        ({}, 400, "words"),
        ({"words": ["stop", "x" * 30_000]}, 413, ""),
    ],
)
def test_what_cannot_be_told_is_said(running: Journal, body: object, status: int, says: str):
    answered = ask(server(running.path.parent), "/api/tell", BEARER, body)
    assert answered.status == status
    assert says in answered.text
    assert pending(running.path.parent) == []


def test_the_end_of_a_log_holds_no_half_of_a_secret(running: Journal, monkeypatch: pytest.MonkeyPatch):
    """Nor does it where the end that is sent begins inside of one."""
    monkeypatch.setenv("SOME_PASSWORD", "correct-horse-battery-staple")
    job_dir = running.path.parent / "0"
    job_dir.mkdir()
    (job_dir / "job.log").write_text("x" * 100 + "correct-horse-battery-staple" + "y" * (LOG_BYTES - 8))
    sent = ask(server(running.path.parent), "/api/log/0", BEARER)
    assert sent.status == 200
    assert b"-staple" not in sent.body and b"yyyy" in sent.body


def test_what_is_asked_twice_is_drawn_once(running: Journal):
    """Fifty who look cost one drawing for each state of the study."""
    observed, drawn = Observed(running.path.parent), []
    for _ in range(50):
        observed.made("x", lambda: drawn.append(1))
    assert len(drawn) == 1


def test_a_damaged_journal_is_said(tmp_path: Path):
    (tmp_path / "study.jsonl").write_text(json.dumps({"event": "what", "v": 1, "time": 0}) + "\n")
    answered = ask(server(tmp_path), "/api/jobs", BEARER)
    assert answered.status == 404
    assert "damaged" in answered.text


def test_on_the_network_addresses_are_let_in_and_foreign_names_are_not():
    """A name that others let lead here is what the check is for; an address cannot be one."""
    app = server(PLAIN, "0.0.0.0")
    assert ask(app, "/", {**BEARER, "host": "192.168.1.5:8787"}).status == 200
    assert ask(app, "/", {**BEARER, "host": "evil.example:8787"}).status == 403
    assert ask(server(PLAIN), "/", {**BEARER, "host": "192.168.1.5:8787"}).status == 403
