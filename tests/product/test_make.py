"""``make quick`` finds the tests of what changed, ``make renew`` makes all that is made."""

from __future__ import annotations

from tests.helpers.places import ROOT, TESTS
from tests.quick import covering
from tests.renew import MAKERS


def test_the_tests_of_a_rule_are_those_of_its_room_that_import_it() -> None:
    found = covering(["autoloop/rules/spikes.py", "tests/loop/test_until.py", "docs/generate.py"])
    assert {
        "tests/rules/test_rules.py",
        "tests/rules/test_conformance.py",
        "tests/loop/test_until.py",
    } <= set(found)
    assert all(test.startswith("tests/rules/") or test == "tests/loop/test_until.py" for test in found)


def test_every_file_that_says_how_it_is_made_anew_is_made() -> None:
    made = {word.replace(".", "/") + ".py" for words in MAKERS.values() for word in words if "." in word}
    made |= {word for words in MAKERS.values() for word in words}
    says = [path for path in TESTS.rglob("test_*.py") if "write it anew run" in path.read_text()]
    says += [path for path in TESTS.rglob("test_*.py") if "write the record anew run" in path.read_text()]
    others = {str(path.relative_to(ROOT)) for path in says} - {"tests/product/test_make.py"}
    assert len(others) >= 4 and others <= made
