"""The view as text: one golden screen for each width, and what is left out when there is no room."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from autoloop.views.live.draw import clock, draw
from autoloop.views.live.view import SlotLine, View

VIEW = View(
    place="out/demo",
    task="act_ot",
    round=2,
    rounds=3,
    done=4,
    running=2,
    waiting=1,
    failed=1,
    other=0,
    spent_s=754.0,
    left_s=3723.4,
    metric="eval/avg_l1",
    goal="lower",
    best="r2_mass 0.2135, better than baseline (-12.3 %)",
    ended="",
    slots=(
        SlotLine(0, ("0",), 4, "r2_restore_mass", 1200, 2000, 0.23104, 0.221, 35.31, 22.7, 34.0),
        SlotLine(1, ("1",), 5, "r2_[red]gentle[/red]", None, 2000, running_s=7.0),
        SlotLine(2, ("6", "7"), 6, "r2_plateau", 150, None, math.nan, math.nan, 12.0, math.nan, 5.0),
        SlotLine(3, ("7",)),
    ),
    heading="What came of round 1",
    decisions=(
        "baseline -> r2_restore_mass: mass is 1e-6",
        "2 times a rule saw no reason to change anything",
    ),
    warnings=("job 3 reg_big: failed: ValueError: boom (log: out/demo/3/job.log)",),
    hints=("wandb leet out/demo/wandb",),
)

WIDE = """\
act_ot  out/demo
round 2 of 3: 4 done, 2 running, 1 waiting, 1 failed   12:34 spent, ~1:02:03 left
best r2_mass 0.2135, better than baseline (-12.3 %)   eval/avg_l1, lower is better

slot  gpu  job                                                             step    now   best  steps/s  left
   0  0    4 r2_restore_mass       ━━━━━━━━━━━━━━━━━                  1200/2000  0.231  0.221     35.3  0:23
   1  1    5 r2_[red]gentle[/red]                                 starting 0:07
   2  6,7  6 r2_plateau                                                     150      —      —       12     —
   3  7    idle

What came of round 1
  baseline -> r2_restore_mass: mass is 1e-6
  2 times a rule saw no reason to change anything

Warnings
! job 3 reg_big: failed: ValueError: boom (log: out/demo/3/job.log)

wandb leet out/demo/wandb
"""

NARROW = """\
act_ot  out/demo
round 2 of 3: 4 done, 2 running, 1 waiting, 1 failed
12:34 spent, ~1:02:03 left
best r2_mass 0.2135, better than baseline (-12.3 %)
eval/avg_l1, lower is better

slot  gpu  job                     step    now   best  steps/s  left
   0  0    4 r2_restore…      1200/2000  0.231  0.221     35.3  0:23
   1  1    5 r2_[red]ge…  starting 0:07
   2  6,7  6 r2_plateau             150      —      —       12     —
   3  7    idle
"""


def drawn(view: View, width: int = 108, height: int = 40) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(draw(view, width, height))
    return "\n".join(line.rstrip() for line in console.file.getvalue().split("\n"))  # type: ignore[attr-defined]


def test_a_wide_terminal_gets_bars():
    """Names are shown as written, never as markup of the drawing library."""
    assert drawn(VIEW) == WIDE


def test_a_narrow_terminal_gets_no_bars_and_no_line_is_wrapped():
    assert drawn(VIEW, width=68).startswith(NARROW)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int):
    long = replace(VIEW, warnings=("x" * 300,), decisions=("y" * 300,), place="z" * 300, best="b" * 300)
    assert max(map(len, drawn(long, width).split("\n"))) <= width


@pytest.mark.parametrize("height", [24, 30, 40])
def test_what_does_not_fit_the_height_is_counted(height: int):
    many = replace(
        VIEW,
        decisions=tuple(f"decision {number}" for number in range(50)),
        warnings=tuple(f"warning {number}" for number in range(50)),
    )
    text = drawn(many, height=height)
    assert text.count("\n") <= height
    shown = text.count("  decision ")
    assert "  decision 0" in text and "! warning 0" in text
    assert f"  and {50 - shown} more" in text


def test_columns_that_would_be_empty_are_not_drawn():
    plain = replace(VIEW, slots=(SlotLine(None, (), 0, "baseline", 3, 10),))
    (head,) = [line for line in drawn(plain).split("\n") if "steps/s" in line]
    assert head.split() == ["job", "step", "now", "best", "steps/s", "left"]


def test_an_ended_study_says_why_and_draws_no_slots():
    text = drawn(replace(VIEW, ended="all 3 rounds are done", slots=(), left_s=math.nan, other=2))
    assert "over: all 3 rounds are done" in text
    assert "steps/s" not in text
    assert "1 failed, 2 stopped   12:34 spent\n" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (59.6, "1:00"), (61.0, "1:01"), (3723.4, "1:02:03"), (-5.0, "0:00"), (math.nan, "—")],
)
def test_times_are_clocks(seconds: float, text: str):
    assert clock(seconds) == text
