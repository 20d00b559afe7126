"""A run of very many metrics is cut down to those that a study looks at, and that is said."""

from __future__ import annotations

import numpy as np
import pytest

from autoloop.config.settings import Settings
from autoloop.curves.bounded import MOST
from autoloop.curves.metrics import Metrics
from autoloop.history import History, Series


def many(count, **more):
    """Return a history of so many metrics of two points each, and some more."""
    names = {f"layers/{at}/norm": Series.of([1.0, 2.0]) for at in range(count)}
    return History({**names, **{name: Series.of(values) for name, values in more.items()}})


def test_what_a_run_usually_logs_is_left_alone():
    """A thousand metrics are all there, and nothing is said."""
    kept = Metrics().canonical(many(MOST))
    assert (len(kept), kept.note) == (MOST, "")


def test_those_that_are_looked_at_and_the_longest_are_kept():
    """The objective, metrics named by rules and globs, and long curves stay; how many go is said."""
    history = many(5 * MOST, long=np.arange(9.0), seldom=[1.0], acc_at_the_end=[0.5], z_last=[0.1])
    metrics = Metrics(objective="seldom", finite=("acc*",), watched=("z_last",))
    kept = metrics.canonical(history)
    assert len(kept) == MOST
    assert {"long", "seldom", "acc_at_the_end", "z_last"} <= set(kept)
    assert kept.note == "the study uses 1,000 of its 5,004 metrics; the other 4,004 are only in its files"
    assert kept["long"] == history["long"]


@pytest.mark.parametrize("setting", ["rules", "stop_rules"])
def test_what_the_settings_name_is_looked_at(setting):
    """A metric that a rule or a stop rule names is kept, however short its curve is."""
    metric = "train/ot_pi_sum"
    watched = Settings.read({"strategy": "rules", "rules": {}, "stop_rules": {}, setting: "act_ot"}).metrics
    unwatched = Settings.read({"strategy": "rules", "rules": {}, "stop_rules": {}}).metrics
    history = many(5 * MOST)
    history = history.replace({**history, metric: Series.of([1.0])})
    assert metric in watched.canonical(history)
    assert metric not in unwatched.canonical(history)
