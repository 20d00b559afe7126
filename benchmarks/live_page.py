"""The live page of a study of 1,000 jobs with 1,000 points each, in headless Chromium.

    python benchmarks/live_page.py                  # makes the study, serves it, looks at it
    python benchmarks/live_page.py --jobs 200 --readers 50

Measured are the time until table and parallel coordinates are drawn (first and second visit), how long the
page takes for a redraw (a search that changes every row, and a new event), and the CPU time that the server
needs for so many readers of event streams. It needs the extras `serve` and `dev` and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)


def line(event: str, **fields: Any) -> str:
    return json.dumps({"event": event, "v": 1, "time": 1.0, **fields}) + "\n"


def make_study(directory: Path, jobs: int, points: int) -> None:
    """A study in rounds of 20: a knob each job turns, a CSV file of curves each job left; one still runs."""
    objective = {"metric": "eval/loss", "goal": "min", "stat": "last"}
    parts = [line("study", objective=objective, task="big", settings={}, limits={"rounds": 50})]
    for first in range(0, jobs, 20):
        number, numbers = first // 20 + 1, range(first, min(first + 20, jobs))
        parts.append(
            line("round", round=number, variants=[variant(job, number) for job in numbers], refused=[])
        )
        for job in numbers:
            curve(directory / str(job), job, points)
            parts.append(line("job", job=job, run_dir=str(job), slot=job % 8))
            if job < jobs - 1:
                parts.append(trial(job, number, points))
        parts.append(line("decisions", round=number, decisions=[], judged=list(numbers)))
    (directory / "study.jsonl").write_text("".join(parts))


def variant(job: int, number: int) -> dict[str, Any]:
    changes = [["lr", 0.1, 0.1 + 0.001 * job], ["width", 64, 64 + job % 7], ["kind", "a", "abc"[job % 3]]]
    return {
        "job": job,
        "name": f"r{number}_job{job}",
        "parent": f"r{(job - 20) // 20 + 1}_job{job - 20}" if job >= 20 else "r1_job0" if job else None,
        "rule": "faster" if job else "",
        "reason": "loss fell",
        "evidence": {},
        "expects": "",
        "edits": [f"lr@set={0.1 + 0.001 * job}"] if job else [],
        "overrides": [],
        "signature": str(job),
        "changes": changes if job else [],
        "notes": [],
    }


def trial(job: int, number: int, points: int) -> str:
    value = 1 + 0.3 * math.sin(job)
    summary = {"eval/loss": {"first": 2, "last": value, "best": value, "best_step": points, "count": points}}
    fields = {"state": "COMPLETE", "objective": value, "summary": summary, "steps": points, "error": ""}
    times = {"started_at": 10.0 * (job // 8), "ended_at": 10.0 * (job // 8) + 9, "gpus": []}
    return line("trial", job=job, round=number, **fields, **times)


def curve(run_dir: Path, job: int, points: int) -> None:
    run_dir.mkdir(parents=True)
    level = 1 + 0.3 * math.sin(job)
    rows = [f"{step},{level + math.exp(-5 * step / points):.6f}" for step in range(1, points + 1)]
    (run_dir / "metrics.csv").write_text("\n".join(["step,eval/loss", *rows]) + "\n")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def visit(browser: Any, address: str) -> tuple[float, Any]:
    """Seconds until the page shows everything in sight, and the page."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-shown]")
    page.wait_for_selector("#now svg")
    return time.perf_counter() - began, page


REDRAW = """words => {
  const search = document.getElementById("search");
  search.value = words;
  search.dispatchEvent(new Event("input"));
  document.body.getBoundingClientRect();
}"""


def renderers_s() -> float:
    """CPU time until now of the processes that draw pages, of Chromiums that this process started."""
    spent, parents = 0.0, {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    for pid in parents:
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        with suppress(OSError):
            drawing = b"--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes()
            spent += cpu_s(pid) if drawing and above == os.getpid() else 0.0
    return spent


def redraw_ms(page: Any, times: int = 4) -> float:
    """CPU time for a redraw after a search that changes every row, layout and painting included."""
    began = renderers_s()
    for _ in range(times):
        for words in ("job1", "job", "", "r3", ""):
            page.evaluate(REDRAW, words)
            page.wait_for_timeout(50)
    return 1000 * (renderers_s() - began) / (5 * times)


def read(address: str, seconds: float) -> None:
    base, _, token = address.partition("/?token=")
    asked = urllib.request.Request(f"{base}/api/events", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked) as stream:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stream.readline()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--readers", type=int, default=50)
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as place:
        make_study(Path(place), asked.jobs, asked.points)
        command = [sys.executable, "-m", "autoloop", "serve", place, "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        try:
            with sync_playwright() as begun:
                browser = begun.chromium.launch(executable_path=chromium, args=FLAGS)
                for name in ("first", "second"):
                    before, drawn = cpu_s(server.pid), renderers_s()
                    took, page = visit(browser, address)
                    spent, drawn = cpu_s(server.pid) - before, renderers_s() - drawn
                    print(f"{name} visit: {took:.2f} s; CPU: page {drawn:.2f} s, server {spent:.2f} s")
                print(f"redraw after a search: {redraw_ms(page):.0f} ms CPU")
                page.locator("#parallel").scroll_into_view_if_needed()
                print(f"the same with all lines in sight: {redraw_ms(page):.0f} ms CPU")
                browser.close()
            began = cpu_s(server.pid)
            readers = [threading.Thread(target=read, args=(address, 10)) for _ in range(asked.readers)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            spent = cpu_s(server.pid) - began
            print(f"{asked.readers} readers for 10 s: {spent:.2f} s CPU of the server")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
