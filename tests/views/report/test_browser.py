"""The HTML report, opened from disk in a headless Chromium."""

import shutil
from itertools import pairwise

import pytest

from autoloop.views.report import write_report
from autoloop.views.report.text import clean
from tests.views.report.samples import HOSTILE, curves_of, hostile, realistic

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium with a profile of its own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium found: install Debian's package 'chromium'")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def open_report(browser, tmp_path):
    """Opens a study's report and keeps what the page asked for and complained of."""
    contexts = []

    def opened(study, **options):
        write_report(study, tmp_path, curves_of(study))
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
        page.goto((tmp_path / "reports" / "report.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("study", [realistic, hostile])
def test_the_report_asks_for_nothing_but_itself_and_has_no_complaint(open_report, study):
    page = open_report(study())
    page.wait_for_load_state("networkidle")
    assert len(page.asked) == 1
    assert page.asked[0].startswith("file:")
    assert page.complaints == []


def test_lineage_and_curves_are_there(open_report):
    page = open_report(realistic())
    lineage = page.locator("#lineage svg[role=img]")
    assert lineage.locator(".mark").count() == 12
    assert lineage.locator(".edge.winning").count() == 3
    assert lineage.locator("text.strong", has_text="reg_tau_lr2").is_visible()
    assert page.locator("#lineage .tree > li").count() == 12
    assert page.locator("#curves article").count() == 9
    assert page.locator("#curves .line.child").first.bounding_box()["width"] > 100
    assert page.locator("#curves .window").is_visible()


def test_every_section_is_reached_from_the_top(open_report):
    page = open_report(realistic())
    links = page.locator("nav a")
    assert links.all_inner_texts() == [
        "Result",
        "Lineage",
        "Curves",
        "Progress",
        "Knobs",
        "Timeline",
        "Rules",
        "All trials",
    ]
    for link in links.all():
        assert page.locator(link.get_attribute("href")).is_visible()


def test_a_link_to_a_trial_opens_its_story(open_report):
    page = open_report(realistic())
    story = page.locator("#job-3")
    assert not story.is_visible()
    page.locator("#trials").get_by_role("link", name="batch_64").click()
    assert story.is_visible()
    assert "out of memory" in story.inner_text()


def test_the_keyboard_alone_opens_a_story(open_report):
    page = open_report(realistic())
    page.locator("#lineage summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#job-0").is_visible()


def test_everything_is_there_with_scripts_off(open_report):
    page = open_report(realistic(), java_script_enabled=False)
    assert page.locator("#lineage .tree > li").count() == 12
    assert page.locator("#curves article").count() == 9
    page.locator("#lineage summary").first.click()
    assert page.locator("#job-0 pre.copy").is_visible()


def test_a_hostile_name_is_shown_as_text(open_report):
    page = open_report(hostile())
    assert page.locator("img, script, iframe, object, embed").count() == 0
    assert page.locator("#lineage summary b").first.inner_text() == clean(HOSTILE)
    assert page.title() == "act_ot · autoloop"


def test_a_screen_reader_finds_headings_tables_and_named_images(open_report):
    page = open_report(realistic())
    levels = [
        int(heading.evaluate("node => node.tagName[1]")) for heading in page.locator("h1, h2, h3").all()
    ]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("table").count() == page.locator("table > caption").count() == 2
    assert page.get_by_role("img", name="Lineage of the trials").count() == 1
    assert page.get_by_role("img", name="Timeline of the slots").count() == 1


@pytest.mark.parametrize("study", [realistic, hostile])
@pytest.mark.parametrize("width", [360, 800, 1600])
def test_the_page_is_no_wider_than_the_screen(open_report, study, width):
    page = open_report(study(), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_no_label_breaks_inside_a_word_on_a_phone(open_report):
    """Names of trials and rules stand in one line each at 390 pixels; lines break between them."""
    page = open_report(realistic(), viewport={"width": 390, "height": 844})
    lines = "all => all.filter(one => one.getClientRects().length !== 1).map(one => one.textContent)"
    for label in ("summary b", "summary .chip.rule", ".path b", ".card h3 a", "thead th"):
        assert page.locator(label).count(), label
        assert page.locator(label).evaluate_all(lines) == [], label
    height = "all => all.filter(one => one.offsetHeight > 24).map(one => one.textContent)"
    assert page.locator("summary .chip.rule").evaluate_all(height) == []


def test_light_and_dark_follow_the_system_and_can_be_read(open_report):
    """Contrast of text to ground is at least 4.5 in both (WCAG 2.2 AA)."""
    for scheme in ("light", "dark"):
        page = open_report(realistic(), color_scheme=scheme)
        for selector in ("h1", ".soft", ".better", ".worse", ".failed", "#lineage svg text", "#trials a"):
            ink = luminance(page, selector, "fill" if "svg" in selector else "color")
            ground = luminance(page, "section", "backgroundColor")
            assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) >= 4.5, (scheme, selector)
            assert (ground < 0.2) == (scheme == "dark")


def luminance(page, selector, style):
    """Relative luminance of a colour, after WCAG 2.2."""
    shown = page.locator(selector).first.evaluate(f"node => getComputedStyle(node).{style}")
    parts = [int(part) / 255 for part in shown[shown.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.slow
def test_paper_shows_what_is_folded_on_the_screen(open_report):
    page = open_report(realistic())
    assert not page.locator("#job-3").is_visible()
    page.emulate_media(media="print")
    assert page.locator("#job-3").is_visible()
    assert not page.locator("nav").is_visible()
