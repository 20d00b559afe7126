"""What the figures of the HTML report are made of."""

import math

import numpy as np
import pytest

from autoloop.history.series import Series
from autoloop.views.report.facts import Facts, noise_note
from autoloop.views.report.figures.chart import LINE_POINTS, fit, line, thin
from autoloop.views.report.figures.curves import MOST_CARDS, drawn_jobs, rule_metric, rule_window
from autoloop.views.report.figures.knobs import turned
from autoloop.views.report.figures.markup import Markup, el, file_link, web_link
from autoloop.views.report.figures.progress import best_so_far, spent
from autoloop.views.report.figures.timeline import busy_lanes, busy_share
from tests.helpers.studies import replay
from tests.views.report.samples import L1, PI, ended, header, realistic, started, synthetic, variant


def study_of(*entries):
    """A study of one round whose variants and further events are given."""
    variants = [entry for entry in entries if "event" not in entry]
    events = [entry for entry in entries if "event" in entry]
    first = {"event": "round", "time": 0, "round": 1, "variants": variants, "refused": []}
    return replay([header(), first, *events])


def series_of(values):
    return Series(np.arange(len(values), dtype=np.int64), np.asarray(values, dtype=np.float64))


# ---------------------------------------------------------------- markup


def test_text_and_attributes_are_escaped_and_markup_is_not():
    built = el("p", "<b>", Markup("<i>x</i>"), title='"&')
    assert built == '<p title="&quot;&amp;">&lt;b&gt;<i>x</i></p>'


def test_control_characters_are_written_out():
    assert el("p", "a\x1b[0m\u202e\ud800") == "<p>a\\x1b[0m\\u202e\\ud800</p>"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x/\"onclick='", "data:text/html,x", "https://a b", ""]
)
def test_only_a_clean_web_address_becomes_a_link(url):
    assert "<a" not in web_link(url, "run")
    assert '<a href="https://w.ai/r/1"' in web_link("https://w.ai/r/1", "run")


@pytest.mark.parametrize("path", ["/etc/passwd", "../../x", "a/../../x", "", "a\x00"])
def test_only_a_file_of_the_study_becomes_a_link(path):
    assert "<a" not in file_link(path)
    assert 'href="../3/a%20b%23.log"' in file_link("3/a b#.log")


# ---------------------------------------------------------------- scales and lines


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0, 1], [0, 0.5, 1]),
        ([0, 2000], [0, 1000, 2000]),
        ([0.0996, 0.1307], [0.1, 0.11, 0.12, 0.13]),
        ([5, 5], [4.5, 5.0, 5.5]),
        ([], [0, 0.5, 1]),
    ],
)
def test_ticks_are_round_numbers(values, ticks):
    assert fit(values, 0, 100).ticks() == pytest.approx(ticks)


@pytest.mark.parametrize(
    "values", [[math.nan], [math.inf, 1], [1e308, -1e308], [0.0], [-1e-320, 1e-320], [1e-300, 1e190]]
)
def test_no_values_break_a_scale(values):
    scale = fit(values, 10, 90, log_above=6)
    assert all(10 <= scale(value) <= 90 for value in values if math.isfinite(value))
    assert len(scale.ticks()) <= 8


def test_values_over_many_decades_are_drawn_on_a_log_scale():
    scale = fit([1e-109, 1.0], 0, 100, log_above=6)
    assert scale.log
    assert scale(1e-55) == pytest.approx(49.5, abs=1)


def test_a_long_curve_is_thinned_and_keeps_its_peaks():
    values = np.zeros(5000)
    values[1234], values[4321] = 7.0, -3.0
    thinned = thin(series_of(values))
    assert len(thinned.values) <= LINE_POINTS
    assert thinned.values.max() == 7.0
    assert thinned.values.min() == -3.0
    assert (np.diff(thinned.steps) > 0).all()
    assert thin(thinned) is thinned


def test_a_line_has_a_gap_where_a_value_cannot_be_drawn():
    scale = fit([0, 3], 0, 30, air=0)
    path = line(series_of([0, math.nan, 2, 3]), scale, fit([0.5, 3], 0, 30), "child")
    assert path.count("M") == 2


def test_a_curve_without_any_finite_value_is_drawn_as_nothing():
    nothing = line(series_of([math.nan] * 200), fit([0, 1], 0, 1), fit([], 0, 1), "child")
    assert "NaN" not in nothing
    assert "nan" not in nothing


# ---------------------------------------------------------------- what is drawn


@pytest.mark.parametrize(
    ("evidence", "reason", "found"),
    [
        ({"metric": PI}, "", PI),
        ({"metric": "ot_pi_sum"}, "", PI),
        ({"ot_pi_sum.last": 1}, "", PI),
        ({f"{L1}.tail": 1}, "", L1),
        ({"mass": 1}, "train/ot_pi_sum is 1e-06, below 0.001", PI),
        ({"other": 1}, "a little more l1_loss", None),
        ({"metric": None}, "", None),
    ],
)
def test_the_metric_that_made_a_rule_speak_is_found(evidence, reason, found):
    job = study_of(variant(0, "a", evidence=evidence, reason=reason)).jobs[0]
    assert rule_metric(job, {PI: {}, L1: {}}) == found


@pytest.mark.parametrize(
    ("evidence", "window"),
    [
        ({"steps": [1500, 2000]}, (1500, 2000)),
        ({"steps": [2000, 1500]}, (1500, 2000)),
        ({"steps": ["a", 2]}, None),
        ({"steps": [math.inf, 2]}, None),
        ({"span": "end"}, (1000, 2000)),
        ({"stat": "tail"}, (1500, 2000)),
        ({"span": "first_last"}, (0, 2000)),
        ({"stat": "last"}, (2000, 2000)),
        ({"stat": "level"}, None),
        ({}, None),
    ],
)
def test_the_window_of_a_rule_is_taken_from_its_evidence(evidence, window):
    judged = Series(np.arange(0, 2001, 100, dtype=np.int64), np.zeros(21))
    assert rule_window(study_of(variant(0, "a", evidence=evidence)).jobs[0], judged) == window


def test_a_large_study_draws_the_best_lineage_and_the_latest_jobs():
    facts = Facts(synthetic(400))
    drawn = drawn_jobs(facts)
    assert len(drawn) <= MOST_CARDS
    assert facts.best in drawn
    assert [job for job in facts.jobs if job.summary][-1] in drawn


def test_knobs_know_the_inherited_and_the_baseline_s_values():
    facts = Facts(realistic())
    lr = next(knob for knob in turned(facts) if knob.paths == ("optimizer.lr",))
    assert lr.base == 0.0003
    assert lr.values[facts.jobs.index(facts.by_name["seed_1"])] == 0.0006
    assert lr.values[0] == 0.0003


def test_paths_that_always_go_together_are_one_knob():
    paths = [knob.paths for knob in turned(Facts(realistic()))]
    assert ("ot.loss_config.tau_src", "ot.loss_config.tau_tgt") in paths


def test_the_best_so_far_only_improves_and_ends_at_the_best():
    facts = Facts(synthetic(100))
    points, _ = spent(facts)
    steps = [job.objective for _, job in best_so_far(facts, points)]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] == facts.best.objective


def test_hours_count_every_gpu_of_a_job():
    two = {"gpus": ["0", "1"]}
    facts = Facts(study_of(variant(0, "a"), started(0, 0, 0), ended(0, 0, 0, 3600, 0.1, **two)))
    assert spent(facts)[0][0][0] == pytest.approx(2.0)
    assert spent(facts)[1] == "GPU-hours"


def test_idle_time_of_a_slot_is_seen():
    events = [started(0, 0, 0), ended(0, 0, 0, 100, 0.1), started(1, 1, 0), ended(1, 1, 0, 50, 0.1)]
    lanes, cuts = busy_lanes(Facts(study_of(variant(0, "a"), variant(1, "b"), *events)))
    assert busy_share(lanes) == pytest.approx(0.75)
    assert cuts == []


def test_a_clock_that_was_set_back_makes_no_share_above_one_and_no_time_below_zero():
    events = [started(0, 0, 1000), ended(0, 0, 1000, -960, 0.1), started(1, 0, 50), ended(1, 0, 50, 40, 0.1)]
    facts = Facts(study_of(variant(0, "a"), variant(1, "b"), *events))
    lanes, _ = busy_lanes(facts)
    assert 0 <= busy_share(lanes) <= 1
    assert all(span.end >= span.start >= 0 for lane in lanes.values() for span in lane)
    assert facts.spent_hours(facts.by_name["a"]) == 0
    assert facts.spent_hours(facts.by_name["b"]) > 0


def test_a_pause_of_the_study_is_no_idle_time():
    events = [
        started(0, 0, 0),
        ended(0, 0, 0, 100, 0.1),
        {"event": "resume", "time": started(0, 0, 90_000)["time"]},
        started(1, 0, 90_000),
        ended(1, 0, 90_000, 100, 0.1),
    ]
    lanes, cuts = busy_lanes(Facts(study_of(variant(0, "a"), variant(1, "b"), *events)))
    assert busy_share(lanes) == pytest.approx(1.0)
    assert cuts == [100.0]


def test_an_interrupted_job_does_not_last_through_the_pause():
    events = [
        started(0, 0, 0),
        started(1, 1, 50),
        {"event": "resume", "time": started(0, 0, 90_000)["time"]},
        ended(0, 0, 0, 90_001, state="INTERRUPTED"),
        ended(1, 1, 50, 89_951, state="INTERRUPTED"),
    ]
    facts = Facts(study_of(variant(0, "a"), variant(1, "b"), *events))
    assert facts.spent_hours(facts.by_name["a"]) == pytest.approx(50 / 3600)
    assert facts.spent_hours(facts.by_name["b"]) == 0


def test_jobs_without_slots_share_as_few_lanes_as_their_times_allow():
    events = []
    for job, at in ((0, 0), (1, 5), (2, 20)):
        events += [{**started(job, None, at), "gpus": []}, {**ended(job, None, at, 10, 0.1), "gpus": []}]
    lanes, _ = busy_lanes(Facts(study_of(*(variant(job, f"v{job}") for job in range(3)), *events)))
    assert [len(lane) for lane in lanes.values()] == [2, 1]


# ---------------------------------------------------------------- facts


def test_a_later_try_replaces_the_earlier_and_both_are_told():
    study = study_of(
        variant(0, "a"),
        variant(1, "b", "a"),
        started(0, 0, 0),
        ended(0, 0, 0, 5, state="INTERRUPTED", error="the machine went away"),
        {"event": "requeue", "time": 0, "of": 0, "job": 2, "name": "a"},
        started(2, 0, 9),
        ended(2, 0, 9, 5, 0.1),
    )
    facts = Facts(study)
    assert [job.job for job in facts.jobs] == [2, 1]
    assert [job.job for job in facts.tries[2]] == [0]
    assert facts.parent(facts.by_name["b"]).job == 2


def test_parents_that_lead_in_a_circle_end_no_report():
    facts = Facts(study_of(variant(0, "a", "b"), variant(1, "b", "a"), variant(2, "c", "c")))
    assert [job.name for job in facts.lineage(facts.by_name["b"])] == ["a", "b"]
    assert facts.parent(facts.by_name["c"]) is None


def test_the_spread_between_seeds_is_measured_where_a_configuration_ran_twice():
    floor = Facts(realistic()).gains.noise
    assert floor.seed_pct == pytest.approx(100 * 0.0012 / math.sqrt(2) / 0.1018)
    assert "(from 2 runs of one config with several seeds)" in noise_note(Facts(realistic()))


def test_the_scorecard_leaves_out_starting_points_and_repeats():
    plans = [variant(0, "a", rule="baseline"), variant(1, "b", "a", rule="variants")]
    facts = Facts(study_of(*plans, variant(2, "c", "a", rule="repeat")))
    assert [score.rule for score in facts.scores] == ["variants"]


def test_the_scorecard_counts_tries_wins_and_failures():
    score = next(score for score in Facts(realistic()).scores if score.rule == "still_improving")
    assert (score.fired, score.tries, score.wins, score.failed) == (3, 3, 2, 1)
    assert score.median_gain_pct == pytest.approx((6.8139963 + 1.5810277) / 2)
