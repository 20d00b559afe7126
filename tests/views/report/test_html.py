"""The HTML report as text; `test_browser.py` looks at it in a browser."""

import re

import pytest

from autoloop.study.record import Study
from autoloop.views.report.html import html, wanted_curves
from autoloop.views.report.text import clean
from tests.helpers.studies import replay
from tests.views.report.samples import HOSTILE, curves_of, hostile, realistic, started, synthetic, variant


def test_a_small_study_takes_less_than_300_kb():
    assert len(html(realistic(), curves_of(realistic())).encode()) < 300_000


def test_200_jobs_take_less_than_3_mb():
    study = synthetic(200)
    assert len(html(study, curves_of(study)).encode()) < 3_000_000


def test_the_size_grows_no_faster_than_the_study():
    small, large = (len(html(synthetic(jobs))) for jobs in (200, 800))
    assert large < 4.4 * small


def test_the_page_holds_no_script_and_no_address_but_the_runs():
    page = html(realistic(), curves_of(realistic()))
    assert "<script" not in page
    assert not re.findall(r"\son\w+=", page)
    assert set(re.findall(r"(?:src|href)=\"(https?:[^\"]*)", page)) == {
        f"https://wandb.example/users/act/runs/a{job}" for job in (0, 1, 2, 4, 5, 8)
    }
    assert "default-src 'none'" in page.replace("&#x27;", "'")


def test_the_page_names_the_best_trial_its_gain_and_the_command():
    page = html(realistic())
    assert "reg_tau_lr2" in page
    assert "-23.8 %" in page
    assert "python -m autoloop.train ot.loss_config.reg=0.15" in page


def test_every_job_has_its_command_edits_log_and_link():
    page = html(realistic())
    for job in range(12):
        assert f'id="job-{job}"' in page
    entry = page[page.index('id="job-3"') : page.index('id="job-4"')]
    assert 'href="../3/job.log"' in entry
    assert "<code>batch_size</code> <code>8</code> → <code>64</code>" in entry
    assert "RuntimeError: boom" in entry
    assert 'href="https://wandb.example/users/act/runs/a8"' in page[page.index('id="job-8"') :]


def test_every_link_within_the_page_has_its_target():
    page = html(realistic(), curves_of(realistic()))
    targets = set(re.findall(r'\sid="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= targets


def test_every_drawing_has_a_name_and_a_description():
    page = html(realistic(), curves_of(realistic()))
    drawings = re.findall(r"<svg [^>]*role=\"img\"[^>]*>(.{25})", page)
    assert len(drawings) > 10
    assert all(start.startswith("<title>") for start in drawings)


def test_no_text_of_a_hostile_study_becomes_markup():
    page = html(hostile(), curves_of(hostile()))
    assert "<img" not in page
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', page))
    assert "\x1b" not in page
    assert clean(HOSTILE).replace("<", "&lt;").replace(">", "&gt;") in page


@pytest.mark.parametrize("jobs", [0, 1, 2])
def test_a_study_that_has_just_begun_has_a_page(jobs):
    study = (
        Study()
        if not jobs
        else replay(
            [
                {"event": "study", "time": 0},
                {"event": "round", "time": 0, "round": 1, "variants": [variant(0, "a")], "refused": []},
                *[started(0, 0, 0)][: jobs - 1],
            ]
        )
    )
    page = html(study)
    assert "no trial has completed" in page
    assert page.count("<section") == page.count("</section>")


def test_wanted_curves_are_those_of_drawn_jobs_and_their_parents():
    wanted = wanted_curves(realistic())
    assert set(wanted) == {0, 1, 2, 4, 5, 7, 8, 9, 10}
    assert wanted[4] == ["eval/offline_eval/avg_l1", "train/ot_pi_sum"]
    assert "train/ot_pi_sum" in wanted[0]


def test_only_wanted_curves_are_drawn():
    study, curves = realistic(), curves_of(realistic())
    needed = {job: {name: curves[job][name] for name in names} for job, names in wanted_curves(study).items()}
    assert html(study, needed) == html(study, curves)


def test_a_chain_of_a_thousand_generations_is_drawn():
    """Depth is no recursion: a study may try one child at a time for ever."""
    variants = [variant(job, f"v{job}", f"v{job - 1}" if job else None) for job in range(1000)]
    rounds = [
        {"event": "round", "time": 0, "round": number + 1, "variants": [entry], "refused": []}
        for number, entry in enumerate(variants)
    ]
    assert 'id="job-999"' in html(replay(rounds))
