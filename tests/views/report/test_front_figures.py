"""Several objectives in the report, on the page and in the terminal: the front, and how it grew."""

from __future__ import annotations

from autoloop.loop.score.front_words import describe_growth
from autoloop.views.live.view import view
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.progress import best_so_far, progress, spent
from autoloop.views.report.html import html
from tests.helpers.fronts import front_study

GROWN = (
    {"name": "base", "error": 0.5, "speed": 10.0},
    {"name": "quick", "error": 0.6, "speed": 40.0, "parent": "base", "round": 2},
    {"name": "bad", "error": 0.7, "speed": 8.0, "parent": "base", "round": 2},
    {"name": "fat", "error": 0.1, "speed": 50.0, "mem_gb": 9.0, "parent": "base", "round": 2},
    {"name": "exact", "error": 0.2, "speed": 9.0, "parent": "base", "round": 3},
    {"name": "worse", "error": 0.3, "speed": 8.0, "parent": "exact", "round": 3},
)


def test_progress_of_several_objectives_is_the_hypervolume_of_the_front():
    """The line rises with base, quick and exact, ends at 100 %, and breaking a constraint adds nothing."""
    section = progress(Facts(front_study(*GROWN)))
    assert section is not None
    assert "hypervolume of the front, % of what it has now" in section
    rises = section.split("<desc>")[1].split("</desc>")[0].split("; ")
    assert len(rises) == 3 and rises[-1].startswith("100 after")
    named = [one.split("<")[0] for one in section.split('class="name">')[1:]]
    assert named and set(named) <= {"base", "quick", "exact"}
    assert "baseline</text>" not in section  # it has a result for each objective, and no one height


def test_jobs_count_in_the_order_they_ended():
    """A job that ended late adds late, whatever its number."""
    late = ({**GROWN[0], "time": 50.0}, *({**one, "time": float(at)} for at, one in enumerate(GROWN[1:])))
    section = progress(Facts(front_study(*late)))
    assert section is not None
    assert "100 after" in section.split("<desc>")[1]
    assert describe_growth(front_study(*late)).startswith("base added ")


def test_one_objective_keeps_its_progress():
    facts = Facts(front_study(*GROWN, aims={"objectives": [], "constraints": []}))
    section = progress(facts)
    assert section is not None and "the blue line is the best so far" in section
    assert [job.name for _, job in best_so_far(facts, spent(facts)[0])] == ["base", "fat"]


def test_a_terminal_tells_which_trial_last_added_to_the_front():
    told = view(front_study(*GROWN), {}, 100.0, "out/demo").best
    assert told.startswith("front of 3 trials, one end: exact (error 0.2, speed 9); exact added ")
    assert told.endswith(" % of its hypervolume, 1 trial ago")
    assert describe_growth(front_study()) == ""


def test_the_report_has_front_and_progress():
    page = html(front_study(*GROWN))
    assert page.index('id="front"') < page.index('id="progress"')
