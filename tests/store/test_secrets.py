"""What counts as a secret, how it is hidden, and that what was hidden comes back."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoloop.store.journal import FILE_NAME, Journal
from autoloop.store.redact import one_line, redact, redact_all
from autoloop.store.secrets import Secrets, as_written, key_is_secret, looks_secret, of_config, unknown_marks
from tests.helpers.studies import event_of

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("names", "secret"),
    [
        (
            "WANDB_API_KEY GH_PAT DB_PWD BASIC_AUTH DATABASE_URL PGPASSWORD HF_TOKEN AWS_SECRET_ACCESS_KEY",
            True,
        ),
        ("APIKEY apiKey REDIS_URL GOOGLE_CREDENTIALS SLACK_WEBHOOK KEY_EVENT TOKENS", True),
        (
            "MONKEY_HOME MONKEY PWD OLDPWD SSH_AUTH_SOCK TOKENIZERS_PARALLELISM AUTHOR KEYBOARD KEY_FILE",
            False,
        ),
    ],
)
def test_names_of_variables(names: str, secret: bool):
    """A word of the name tells, not any letters of it; where something is, is no secret."""
    assert [name for name in names.split() if looks_secret(name) is not secret] == []


def test_keys_of_configs():
    """What a config calls a password, a token or a key to something; no token of a model, no plain key."""
    secret = [
        "api_key",
        "apiKey",
        "password",
        "token",
        "hf_token",
        "pat",
        "auth",
        "database_url",
        "client_secret",
        "db_password",
    ]
    plain = ["key", "sort_key", "pad_token", "max_tokens", "tokenizer", "author", "passes", "path", "url"]
    assert [name for name in (*secret, *plain) if key_is_secret(name) != (name in secret)] == []


def test_the_longer_of_two_secrets_comes_first():
    """No secret is left in part because another is its beginning."""
    environment = {"A_TOKEN": "secretsecret", "B_TOKEN": "secretsecret-and-more"}
    assert redact("secretsecret-and-more secretsecret", environment) == "<B_TOKEN> <A_TOKEN>"


def test_a_piece_of_a_key_is_no_less_secret():
    """Wherever it was cut, at either end and in the middle; a piece too short to tell stays."""
    environment = {"WANDB_API_KEY": KEY}
    for piece in (KEY[20:], KEY[:17], KEY[5:28]):
        assert piece not in redact(f"..{piece}|", environment)
    assert redact("01234", environment) == "01234"


@pytest.mark.parametrize(
    "shown", [repr, json.dumps, lambda value: repr(repr(value)), lambda value: quote(value, safe=""), str]
)
def test_an_escaped_secret_is_hidden(shown):
    """Backslashes, quotes and line ends are written in other ways; each of several lines counts as well."""
    value = "pa\\ss'wo\"rd/?\nsecond line of it"
    hidden = redact(f"key={shown(value)}!", {"MY_SECRET": value})
    assert "second" not in hidden
    assert "wo" not in hidden
    assert "second" not in redact("the second line of it failed", {"MY_SECRET": value})


_VALUES = st.text(min_size=8, max_size=40)


@given(_VALUES, _VALUES, st.sampled_from([str, repr, json.dumps, quote]), st.integers(0, 30))
def test_what_was_hidden_comes_back(first: str, second: str, shown, start: int):
    """Whole or in part, in any form."""
    known = Secrets.of({"A_KEY": first, "B.password": second})
    text = f"x={shown(first)} {second[start:]}{first[: 40 - start]} {shown(second)}"
    if "<" not in text:
        assert known.reveal(known.hide(text)) == text


def test_passwords_within_addresses_are_secrets():
    """Of an address with a password both are, in the environment and in a config."""
    url = "postgres://me:hunter2hunter2@db.example/x"
    assert redact("auth failed for hunter2hunter2", {"STORE": url}) == "auth failed for <STORE.password>"
    assert of_config({"a": {"store": url}}, {}) == {"a.store.password": "hunter2hunter2"}


def test_what_a_config_calls_a_secret_is_one():
    """A literal under its path, a variable under its name, whatever that is; numbers and words stay."""
    config = {
        "wandb": {"api_key": "literal-1234", "password": "${oc.env:PLAIN}"},
        "model": {"pad_token": "<padding>", "token": None},
        "variants": {"a": {"auth@set": "swordfish"}},
    }
    assert of_config(config, {"PLAIN": "plain-value"}) == {
        "wandb.api_key": "literal-1234",
        "PLAIN": "plain-value",
        "variants.a.auth@set": "swordfish",
    }


@pytest.mark.parametrize("default", ["literal-1234", "'literal-1234'", '"literal-1234" '])
def test_what_stands_in_for_a_secret_is_one(default: str):
    """The default of a variable under a secret's key, whether or not the variable is set."""
    config = {"api_key": f"${{oc.env:PLAIN, {default}}}", "size": "${oc.env:PLAIN,literal-1234}"}
    assert of_config(config, {}) == {"api_key.default": "literal-1234"}
    assert of_config(config, {"PLAIN": "plain-value"}) == {
        "api_key.default": "literal-1234",
        "PLAIN": "plain-value",
    }
    assert unknown_marks("<api_key.default> <size.default>") == ["api_key.default"]


def test_what_asks_for_a_secret_stays_as_it_is_written():
    """A resolved config keeps the question, however short the answer; other questions are answered."""
    written = {"a": "${oc.env:GH_PAT}", "b": ["${oc.env:HOME}"], "db": {"password": "${oc.env:X,none}"}}
    resolved = {"a": "abc", "b": ["/root"], "db": {"password": "pw"}}
    assert as_written(resolved, written) == {
        "a": "${oc.env:GH_PAT}",
        "b": ["/root"],
        "db": {"password": "${oc.env:X,none}"},
    }


def test_keys_stay():
    """A secret that is also a key of a mapping changes no mapping."""
    assert redact_all({"decisions": "decisions"}, {"KEY_EVENT": "decisions"}) == {"decisions": "<KEY_EVENT>"}


WORDS = ("interrupted", "train/loss", "baseline", "COMPLETE", "variants", "maximize")


def test_no_variable_changes_the_words_of_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Kinds, states, names, metrics and keys are written as they are; texts hide what they must."""
    for place, word in enumerate(WORDS):
        monkeypatch.setenv(f"KEY_{place}", word)
    monkeypatch.setenv("GH_PAT", KEY)
    variant = {
        "job": 0,
        "name": "baseline",
        "edits": [f"train/loss@set={KEY}"],
        "changes": [["train/loss", 1, KEY]],
    }
    plain = dict.fromkeys(("rule", "expects", "signature"), "") | {
        "parent": None,
        "evidence": {},
        "notes": [],
    }
    planned = {**plain, **variant, "reason": f"with {KEY}", "overrides": [f"baseline={KEY}"]}
    trial = {
        "job": 0,
        "state": "COMPLETE",
        "ended_by": "interrupted",
        "summary": {"train/loss": {}},
        "steps": 1,
    }
    with Journal(tmp_path) as journal:
        journal.append(event_of("study", objective={"metric": "train/loss", "goal": "min", "stat": "last"}))
        journal.append(event_of("round", round=1, variants=[planned], refused=[]))
        journal.append(event_of("trial", objective=1.0, error=f"interrupted: {KEY}", **trial))
        job = journal.study.jobs[0]
    assert (job.name, job.state.value, job.details.ended_by) == ("baseline", "COMPLETE", "interrupted")
    assert job.plan.edits == ("train/loss@set=<GH_PAT>",)
    assert job.plan.overrides == ("baseline=<GH_PAT>",)
    assert job.plan.changes[0].path == "train/loss"
    assert job.error == "<KEY_0>: <GH_PAT>"
    assert journal.study.aim.metric == "train/loss"
    assert KEY not in (tmp_path / FILE_NAME).read_text()


def test_half_a_secret_is_hidden_before_a_line_is_cut(monkeypatch: pytest.MonkeyPatch):
    """A short password too, of which no piece would tell."""
    monkeypatch.setenv("MY_PASSWORD", "correct horse battery")
    assert "correct" not in one_line("x" * 490 + " correct horse battery")


def test_marks_of_secrets_that_are_not_here_are_known():
    """What has to be given again before a command can run; other words in brackets are none."""
    assert unknown_marks("a=<WANDB_API_KEY> b=<db.password> c=<pad> d=<run>") == [
        "WANDB_API_KEY",
        "db.password",
    ]
