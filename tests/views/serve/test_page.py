"""The page in a headless Chromium, beside a real study that is steered from it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the extra 'serve' is not installed")

from autoloop.store.journal import Journal
from autoloop.study.events import read_event
from autoloop.study.trials import TrialState
from tests.helpers.flow_app.launch import always
from tests.helpers.flow_app.live import PATIENCE_S, started
from tests.helpers.places import DATA, ROOT
from tests.helpers.studies import event_of, trial_event, variant_entry
from tests.views.report.test_browser import CHROMIUM, FLAGS

MS = 1000 * PATIENCE_S
LONG = ("steps=3000", "pause_s=0.05", "hydra.launcher.n_jobs=2", always("faster", "lr@mul=1.1"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium found: install Debian's package 'chromium'")
    with playwright.sync_playwright() as begun:
        running = begun.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """The address of ``autoloop serve`` in a process of its own."""
    command = [sys.executable, "-m", "autoloop", "serve", str(directory), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
        if process.stdout is not None:
            process.stdout.close()


def opened(browser: Any, address: str, **options: Any) -> Any:
    """A page that keeps what it asked for and complained of."""
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(MS)
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
    page.goto(address)
    return page


@pytest.mark.slow
def test_a_study_is_seen_and_steered_to_its_end(browser: Any, tmp_path: Path) -> None:
    """A job starts, its curve grows, it is stopped; a variant is added and runs; the study is finished."""
    with started(tmp_path / "study", *LONG, "hydra.sweeper.rounds=9") as run:
        run.wait(lambda study: study.running(), "the baseline runs")
        with served(run.study_dir) as address:
            page = opened(browser, address)
            line = page.locator("#now .line.child").first
            line.wait_for()
            before = line.get_attribute("d")
            page.locator(f'#now .line.child:not([d="{before}"])').first.wait_for()
            page.locator("#steer summary").click()
            add = page.get_by_role("form", name="Add a variant")
            add.get_by_label("Edits").fill("lr@mul=3 steps@set=40")
            add.get_by_label("Name").fill("by_hand")
            add.get_by_role("button").press("Enter")
            page.get_by_text("planned as job 1 (by_hand)").wait_for()
            page.locator("#rows tr[data-job='1']", has_text="COMPLETE").wait_for()
            page.get_by_role("button", name="stop baseline").click()
            page.locator("#rows tr[data-job='0']", has_text="STOPPED").wait_for()
            page.get_by_role("checkbox", name="compare baseline").check()
            page.get_by_role("checkbox", name="compare by_hand").check()
            page.locator("#compared .line.c1").first.wait_for(state="attached")
            page.get_by_role("link", name="by_hand").first.click()
            page.locator("#job dl").wait_for()
            page.get_by_role("button", name="Finish after what runs").click()
            page.get_by_text("the study ends after").first.wait_for()
            end = page.get_by_role("button", name="Stop all and end now")
            if end.is_enabled():
                end.click()
                page.get_by_role("button", name="Press again").click()
            run.end()
            page.locator("#buttons button:has-text('Pause'):disabled").wait_for()
            assert page.complaints == []
            here = address.split("/?")[0]
            assert [url for url in page.asked if not url.startswith(f"{here}/")] == []
        assert run.study.stopped is not None
        assert run.study.by_name("baseline").state is TrialState.STOPPED
        assert run.study.by_name("by_hand").state is TrialState.COMPLETE


@pytest.mark.slow
def test_a_page_fits_a_phone_and_is_used_by_keyboard(browser: Any) -> None:
    with served(DATA / "studies") as address:
        page = opened(browser, address, viewport={"width": 390, "height": 844}, color_scheme="dark")
        page.get_by_role("link", name="plain", exact=True).click()
        page.locator("#rows tr[data-job='5']").wait_for()
        page.evaluate("document.getElementById('lanes').scrollIntoView()")  # parts are drawn when in sight
        page.locator("#lanes svg").first.wait_for(state="attached")
        page.evaluate("scrollTo(0, 0)")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.get_by_label("Search").fill("faster")
        page.get_by_text(re.compile(r"[1-5] of 6 jobs")).wait_for()
        page.get_by_role("checkbox", name="compare faster").focus()
        page.keyboard.press("Space")
        page.locator("#compared .legend", has_text="faster").wait_for()
        assert page.locator("section:visible h2").count() >= 8
        assert page.evaluate(
            "[...document.querySelectorAll('button, input')].every(one => one.labels?.length "
            "|| one.textContent.trim() || one.getAttribute('aria-label'))"
        )
        assert page.complaints == []


@pytest.mark.slow
def test_hostile_names_stay_text(browser: Any, tmp_path: Path) -> None:
    """In the table, the parts, the story of a job and the title: shown, never run."""
    name = "<img src=x onerror=document.title='owned'>'\"&"
    child = variant_entry(1, name, parent="baseline", rule=name, reason=name, edits=[f"x@set={name}"])
    child["changes"] = [["x", 1.0, name]]
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", task=name, settings={}))
        journal.append(event_of("round", round=1, variants=[variant_entry(0, "baseline"), child], refused=[]))
        for job in (0, 1):
            journal.append(event_of("job", job=job, run_dir=str(job)))
            journal.append(read_event({**trial_event(job), "error": name}))
        with served(tmp_path) as address:
            page = opened(browser, address)
            page.locator("#rows tr[data-job='1'] a").click()
            page.locator("#job dl").wait_for()
            page.get_by_role("checkbox").nth(0).check()
            page.locator("#compared table").wait_for()
            for part in ("tree", "lanes", "knobs-live", "events"):
                page.locator(f"#{part}").scroll_into_view_if_needed()
            page.locator("#events li").first.wait_for()
            assert page.locator("img").count() == 0
            assert page.title() == f"{name} · autoloop"
            assert page.complaints == []


@pytest.mark.slow
def test_a_study_shows_itself_while_it_runs(tmp_path: Path) -> None:
    """With serve=true its page begins and ends with it."""
    words = ("hydra.sweeper.serve=true", "hydra.sweeper.rounds=1", "steps=2000", "pause_s=0.05")
    with started(tmp_path / "study", *words) as run:
        run.wait(lambda study: study.running(), "the baseline runs")
        run.wait(lambda study: "/?token=" in run.output.read_text(), "the address of the page")
        address = next(word for word in run.output.read_text().split() if "/?token=" in word)
        asked = urllib.request.Request(
            address.partition("/?")[0] + "/api/summary",
            headers={"Authorization": f"Bearer {address.partition('token=')[2]}"},
        )
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
            assert b'"over": false' in answer.read()
        os.kill(run.process.pid, signal.SIGKILL)
        run.end()
        end = time.monotonic() + PATIENCE_S
        with pytest.raises(OSError, match=r"refused|reset"):
            while time.monotonic() < end:
                urllib.request.urlopen(asked, timeout=5).close()
                time.sleep(0.2)
