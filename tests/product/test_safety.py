"""What others write breaks neither terminal nor report; secrets stay secret; files of others stay."""

from __future__ import annotations

import logging
import re

import pytest

from autoloop.store.redact import logger, redact, reveal, without_controls
from tests.helpers.places import ROOT
from tests.helpers.studies_app.launch import TWO_JOBS, Ran, run, run_until

SECRET = "0123456789abcdef0123456789abcdef01234567"
ESCAPES = ("\x1b", "\x07", "\u202e", "\x9b")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A study whose variant, reason, metric, log and error all hold escape sequences and markup."""
    text = "\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>|`**\u202e"
    first = f"{{name:'{text}',reason:'{text}',edits:['x@mul=0.5']}}"
    second = "{name:b,edits:['do@set=hostile','x@set=3']}"
    done = run(tmp_path_factory.mktemp("hostile") / "s", f"autoloop.variants=[{first},{second}]", "rounds=2")
    assert set(done.states().values()) == {"COMPLETE", "FAILED"}, done.output
    return done


def test_the_terminal_gets_no_escape_sequence(hostile):
    """Names, reasons and errors are shown without what a terminal would obey."""
    assert [one for one in ESCAPES if one in hostile.output] == []
    assert "alert(1)" in hostile.output


def test_the_pages_get_no_markup(hostile):
    """HTML holds no script of others, Markdown no tag of others, neither an escape sequence."""
    page = (hostile.study_dir / "reports" / "report.html").read_text()
    (markdown,) = (hostile.study_dir / "reports").glob("*.md")
    prose = re.sub(r"^(`{3,}).*?^\1$", "", markdown.read_text(), flags=re.DOTALL | re.MULTILINE)
    prose = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", prose)  # in code, markup is text
    for text in (page, prose):
        assert "<script>alert" not in text
    for text in (page, markdown.read_text()):
        assert [one for one in ESCAPES if one in text] == []
    assert "&lt;script&gt;" in page


def test_a_hostile_metric_is_a_metric(hostile):
    """Its name is kept, escaped, in the journal and in the summaries."""
    job = hostile.study.by_name("b")
    assert any("<script>" in metric for metric in job.summary)
    assert "\x1b" not in (hostile.study_dir / "study.jsonl").read_text()


def test_a_key_among_the_overrides_is_hidden_but_used(tmp_path):
    """Journal, reports and terminal show its name; the job gets its value, also after a kill."""
    arguments = (TWO_JOBS, f"key={SECRET}", "do=need_key", "rounds=2", "n_jobs=1")
    variables = {"WANDB_API_KEY": SECRET}
    run_until(tmp_path / "s", "after", "job:1", *arguments, marks=variables)
    done = run(tmp_path / "s", *arguments, variables=variables)
    assert done.code == 0, done.output
    assert SECRET not in done.output
    assert "key=<WANDB_API_KEY>" in done.study.jobs[0].plan.overrides
    # Hydra keeps each job's overrides in .hydra and its own log; a key belongs into the environment
    own = [path for path in (tmp_path / "s").rglob("*") if path.is_file() and ".hydra" not in path.parts]
    assert [str(path) for path in own if SECRET.encode() in path.read_bytes()] == []
    changed = run(tmp_path / "s", *arguments, "batch_size=9", variables=variables)
    assert changed.code == 2
    assert "config.batch_size: was 8, is 9" in changed.output
    assert "config.key" not in changed.output


def test_what_a_config_calls_a_secret_is_hidden_and_no_word_of_a_study_is_one(tmp_path):
    """Literals and variables of any name below such keys; variables that hold words, names, metrics."""
    hidden = ("literal-secret-1", "plainvalue-plainvalue", "hunter2hunter2", "short1")
    written = ("+api_key=literal-secret-1", "+db.password=${oc.env:PLAIN}", "+pat=${oc.env:GH_PAT}")
    url = f"+store=postgres://me:{hidden[2]}@db/x"
    words = {
        "KEY_EVENT": "decisions",
        "KEY_NAME": "baseline",
        "KEY_METRIC": "train/loss",
        "KEY_END": "COMPLETE",
    }
    variables = {**words, "PLAIN": hidden[1], "GH_PAT": hidden[3]}
    done = run(tmp_path / "s", *written, url, "rounds=2", variables=variables)
    assert done.code == 0, done.output
    assert done.study.rounds == [1, 2]
    assert done.study.jobs[0].name == "baseline"
    own = [path for path in (tmp_path / "s").rglob("*") if path.is_file() and ".hydra" not in path.parts]
    found = [(str(path), one) for path in own for one in hidden if one.encode() in path.read_bytes()]
    assert [one for one in found if not one[0].endswith((".log", ".wandb"))] == []
    assert [one for one in hidden if one in done.output] == []
    assert done.study.header.config["pat"] == "${oc.env:GH_PAT}"
    assert "+api_key=<api_key> " in done.study.header.command
    assert "+store=postgres://me:<store.password>@db/x" in done.study.header.command


def test_a_secret_of_the_config_is_hidden_in_what_a_killed_job_leaves(tmp_path):
    """Its last output is in its supervisor's note, in the journal and in the terminal, the secret is not."""
    done = run(tmp_path / "s", "+api_key=literal-secret-1", "do=tell_key", "rounds=1")
    note = (tmp_path / "s" / "0" / "status.json").read_text()
    assert "logging in with <api_key>" in note
    assert "literal-secret-1" not in note + done.output
    assert done.study.jobs[0].error == "logging in with <api_key>"


def test_what_is_hidden_comes_back():
    """Reveal undoes redact, for names and values of any form."""
    environment = {"MY_TOKEN": 'a"b\\c$(x)', "HOME": "/home/me", "SHORT_KEY": "abc"}
    text = f"token={environment['MY_TOKEN']} abc /home/me"
    hidden = redact(text, environment)
    assert hidden == "token=<MY_TOKEN> abc /home/me"
    assert reveal(hidden, environment) == text


def test_records_of_our_loggers_are_clean(caplog, monkeypatch):
    """A logger asked for by `logger` takes secrets and control characters out of every message."""
    monkeypatch.setenv("SOME_PASSWORD", SECRET)
    with caplog.at_level(logging.INFO):
        logger("autoloop.test").info("%s \x1b[31m%s", SECRET, "red")
    assert caplog.messages == ["<SOME_PASSWORD> red"]


def test_lines_and_tabs_stay():
    """What is laid out stays laid out."""
    assert without_controls("a\tb\nc\r\x00d\x1b[1;31me\x1b[0m\u2028f") == "a\tb\ncdef"


@pytest.mark.slow
def test_files_of_others_are_left_alone(tmp_path):
    """A study in a directory with other things, finished and moved aside, touches none of them."""
    study_dir = tmp_path / "s"
    for name in ("notes/today.md", "1/keep.txt", "reports_old/a.html", "data/x"):
        (study_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (study_dir / name).write_text(name)
    for _ in range(2):
        assert run(study_dir, TWO_JOBS, "autoloop.resume=auto").code == 0
    for name in ("notes/today.md", "1/keep.txt", "reports_old/a.html", "data/x"):
        assert (study_dir / name).read_text() == name
    assert (study_dir / "previous_1" / "study.jsonl").is_file()


def test_the_package_deletes_nothing_but_its_own_drafts():
    """No module removes a directory, and none a file but the temporary one, or the link, that it has made."""
    package = ROOT / "autoloop"
    code = {path: path.read_text() for path in package.rglob("*.py")}
    assert [path for path, text in code.items() if "rmtree" in text or "rmdir" in text] == []
    removing = {path.name for path, text in code.items() if "unlink(" in text or "os.remove" in text}
    assert removing <= {"files.py", "demos.py", "folder.py", "requests.py", "runs.py"}


def test_nothing_that_is_read_is_executed():
    """No pickle, eval, exec or unsafe YAML of anything from a study directory or a history."""
    package = ROOT / "autoloop"
    for path in package.rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"(?<![\w.])(eval|exec)\(", text), path
        assert "yaml.load(" not in text, path
        if "pickle.load" in text:  # of a process's own child, over a private socket, or of its own memory
            own = ("engine/slurm/body.py", "config/packing.py", "study/settled.py")
            assert path.parent.name == "execute" or str(path.relative_to(package)) in own, path
