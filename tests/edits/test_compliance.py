"""The edit language means what tests/edits/compliance says, and its messages read as the golden file says."""

from __future__ import annotations

import os

import pytest

from autoloop import errors
from autoloop.edits._overrides import same
from tests.edits.edit_compliance import load_cases
from tests.helpers.places import GOLDEN

CASES = load_cases()
MESSAGES = GOLDEN / "messages_edits.txt"
FAILING = [case for case in CASES if "error" in case.data or "override_error" in case.data]


def check_error(error, expected):
    """Compare an error with what a case says of it."""
    assert type(error) is getattr(errors, expected["kind"])
    assert expected.get("text", "") in str(error)
    if "position" in expected:
        assert error.position == expected["position"]
        assert expected.get("nearest") == error.nearest


def provoke(case):
    """Return the error that a failing case ends in."""
    with pytest.raises(errors.AutoloopError) as caught:
        result = case.run()
        if "override_error" in case.data:
            print(result.overrides)
    return caught.value


@pytest.mark.parametrize("case", [case for case in CASES if "edits" in case.data], ids=lambda case: case.id)
def test_edits_do_what_the_case_says(case):
    """Result, overrides, notes, or the error with its position and nearest name."""
    if "error" in case.data:
        check_error(provoke(case), case.data["error"])
        return
    found = case.run()
    if "result" in case.data:
        assert same(found.config, case.data["result"]), found.config
    if "override_error" in case.data:
        check_error(provoke(case), case.data["override_error"])
        return
    if "overrides" in case.data:
        assert found.overrides == case.data["overrides"]
    if "notes" in case.data:
        assert list(found.notes) == case.data["notes"]


@pytest.mark.parametrize(
    "case", [case for case in CASES if "edits" not in case.data], ids=lambda case: case.id
)
def test_variants_and_sweeps_are_read_as_the_case_says(case):
    """Names, edits and reasons, or the error."""
    if "error" in case.data:
        check_error(provoke(case), case.data["error"])
        return
    expected = case.data["entries"]
    if "sweep" in case.data:
        baseline, variants = case.run()
        assert list(baseline) == case.data["baseline"]
        assert [{"name": name, "edits": list(edits)} for name, edits in variants] == expected
        return
    for entry, wanted in zip(case.run(), expected, strict=True):
        assert (entry.name, list(entry.edits)) == (wanted["name"], wanted["edits"])
        assert entry.reason == wanted.get("reason", "")
        assert wanted.get("label") in (None, entry.label)


def test_every_message_is_pinned():
    """All error texts stand in one golden file; AUTOLOOP_GOLDEN=write renews it."""
    text = "\n".join(f"== {case.id}\n{provoke(case)}\n" for case in FAILING)
    if os.environ.get("AUTOLOOP_GOLDEN") == "write":
        MESSAGES.write_text(text, encoding="utf-8")
    assert text == MESSAGES.read_text(encoding="utf-8")


def test_carets_stand_under_the_offending_character():
    """In every message with a caret, the character above it is the one at the error's position."""
    for case in FAILING:
        error = provoke(case)
        if not isinstance(error, errors.EditError):
            continue
        head, pointer = str(error).splitlines()[-2:]
        column = pointer.index("^")
        shown = head[: head.rindex("'")]
        start = len(shown) - len(error.text)
        assert column - start == error.position, str(error)
