"""What every shipped rule says of a fixed set of curves is on record; a change shows as a diff of the CSV.

To write the record anew run this file (`python tests/rules/test_recorded_decisions.py`) and read the diff.
"""

from __future__ import annotations

import csv
import io

import yaml

from autoloop.rules import build_rules, judge
from tests.helpers.places import CONF, GOLDEN
from tests.helpers.reference import shipped_files
from tests.helpers.rule_curves import fixed_trials

RECORD = GOLDEN / "recorded_decisions.csv"
CHOICES = shipped_files("rules")


def current() -> str:
    """Return the decisions of all shipped rules as CSV."""
    trials = fixed_trials()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["rules", "trial", "rule", "child_of", "edits", "reason"])
    for choice in CHOICES:
        rules = build_rules(yaml.safe_load((CONF / "rules" / f"{choice}.yaml").read_text()))
        for made in judge(rules, trials, {trial.name: trial for trial in trials}):
            child_of = made.trial if made.fired else ""
            writer.writerow([choice, made.judged, made.rule, child_of, " ".join(made.edits), made.reason])
    return out.getvalue()


def test_decisions_are_as_recorded() -> None:
    assert current() == RECORD.read_text()


def test_the_record_shows_every_rule_firing() -> None:
    rows = list(csv.DictReader(io.StringIO(RECORD.read_text())))
    asked = {(row["rules"], row["rule"]) for row in rows}
    silent = asked - {(row["rules"], row["rule"]) for row in rows if row["edits"]}
    assert not silent, "fires on none of the curves: add one in tests/helpers/rule_curves.py, then make renew"


if __name__ == "__main__":
    RECORD.write_text(current())
