"""Several objectives in the report, on the page and in the terminal: the front, and how it grew."""

from __future__ import annotations

from autoloop.loop.score import conclusion
from autoloop.loop.score.front_words import describe_growth
from autoloop.views.export.rows import job_rows
from autoloop.views.live.view import view
from autoloop.views.report.data import best, optimization_results
from autoloop.views.report.facts import Facts
from autoloop.views.report.figures.front import front_section
from autoloop.views.report.figures.progress import best_so_far, progress, spent
from autoloop.views.report.html import html
from autoloop.views.report.markdown import markdown
from autoloop.views.report.why import why
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
    assert page.count("★ front") == 3 and "★ best" not in page and "leads to the best trial" not in page
    assert "error 0.2, speed 9</span>" in page  # in the list of the lineage each trial has all its numbers


def _further_seed(name: str, error: float, speed: float, **more):
    repeat = {"name": f"{name}-seed1", "parent": name, "rule": "repeat", "evidence": {"seed": 1}}
    return {**repeat, "error": error, "speed": speed, **more}


SEEDS = (
    {"name": "base", "error": 0.5, "speed": 10.0},
    _further_seed("base", 0.7, 12.0),
    {"name": "lucky", "error": 0.1, "speed": 9.0, "parent": "base", "round": 2},
    _further_seed("lucky", 1.5, 9.0, round=2),
    {"name": "steady", "error": 0.45, "speed": 14.0, "parent": "base", "round": 2},
    _further_seed("steady", 0.47, 16.0, round=2),
)


def test_with_several_seeds_a_point_of_the_front_is_its_mean_wherever_it_is_shown():
    """What leads at its first seed alone is on no front; each place says how many seeds the numbers have."""
    study = front_study(*SEEDS, limits={"seeds": 2})
    shown = "error 0.46, speed 15, mean of 2 seeds"
    (point,) = best(study)["front"]
    assert (point["name"], point["seeds"]) == ("steady", 2)
    assert [round(one["value"], 9) for one in point["objectives"].values()] == [0.46, 15.0]
    (solution,) = optimization_results(study)["solutions"]
    assert [round(value, 9) for value in solution["values"]] == [0.46, 15.0]
    assert f"steady ({shown})" in conclusion(study, "it is done")
    assert shown in view(study, {}, 100.0, "out/demo").best and shown in html(study)
    assert "| `steady` | 0.46 | 15 | " in markdown(study, {})
    assert "0.46 error, mean of 2 seeds" in why(study, 4)
    rows = {row["name"]: (row["seeds"], row["mean.error"], row["mean.speed"]) for row in job_rows(study)}
    assert rows["lucky"] == (2, 0.8, 9.0) and rows["lucky-seed1"] == (None, None, None)
    drawn = front_section(Facts(study))
    assert drawn is not None and "steady-seed1" not in drawn


def test_with_several_seeds_a_winner_is_its_mean():
    """The baseline beside it is that of as many seeds."""
    study = front_study(*SEEDS, limits={"seeds": 2}, aims={"objectives": [], "constraints": []})
    found = best(study)
    assert (found["name"], found["seeds"]) == ("steady", 2)
    assert round(found["objective"]["value"], 9) == 0.46 and round(found["objective"]["baseline"], 9) == 0.6
    assert "objective 0.46, mean of 2 seeds" in conclusion(study, "it is done")
