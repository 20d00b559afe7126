"""What every sampler must do, on the spaces and results that real studies have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autoloop.strategies.configurations import left, snapper
from autoloop.strategies.samplers import Floats, Sampler, Seen, ask_where_jobs_live
from autoloop.strategies.space import Knob, read_space

ASKED = 6
"""Points asked for at once."""

SPACES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "one number": ({"x": 0.5}, {"x": [0.0, 1.0]}),
    "a number on a log scale": ({"lr": 1e-3}, {"lr": [1e-6, 1.0]}),
    "whole numbers": ({"a": 3, "b": 16}, {"a": [1, 6], "b": {"low": 8, "high": 64, "step": 8}}),
    "choices": (
        {"kind": "a", "flag": False, "none": None},
        {"kind": {"choices": ["a", "b", "c"]}, "flag": None, "none": {"choices": [None, 0, 1]}},
    ),
    "conditions": (
        {"kind": "sgd", "momentum": 0.5, "lr": 0.1},
        {
            "kind": {"choices": ["sgd", "adam"]},
            "momentum": {"low": 0.0, "high": 0.9, "where": {"kind": "sgd"}},
            "lr": [1e-4, 1.0],
        },
    ),
    "a baseline of 0 or null": ({"drop": 0.0, "clip": None}, {"drop": [0.0, 0.5], "clip": [0.1, 10.0]}),
    "twenty knobs": (
        {f"x{place}": 0.5 for place in range(20)},
        {f"x{place}": [0.0, 1.0] for place in range(20)},
    ),
}
"""Name -> a baseline and its space."""


def check_sampler(sampler: Sampler, most: int = 1000) -> None:
    """Check that a sampler keeps what strategies build on.

    On spaces of one number, of logarithms, whole numbers, choices, conditions, baselines of 0 or null and of
    twenty knobs, with no trial, one, some and very many, with results that are positive, negative, 0, all
    equal, and with failures among them: it returns as many finite points from 0 to 1 as were asked for, the
    same when asked again, changes nothing it was shown, and of a space that ends names what is left, each
    configuration once.

    Args:
        sampler: The sampler.
        most: Trials of the longest study that is shown.

    Raises:
        AssertionError: It breaks one of these promises.
    """
    name = type(sampler).__name__
    for label, (config, space) in SPACES.items():
        knobs = read_space(config, space, {}, (), 4.0)
        for case, seen in _studies(knobs, config, most):
            before = seen.points.copy(), seen.losses.copy()
            found = sampler.ask(seen, ASKED)
            where = f"{name!r} on {label!r} with {case}"
            shape = (ASKED, len(knobs))
            assert found.shape == shape, f"{where}: it returns {found.shape}, not {shape}"
            inside = np.isfinite(found).all() and (found >= 0).all() and (found <= 1).all()
            assert inside, f"{where}: it leaves the range from 0 to 1"
            assert np.array_equal(found, sampler.ask(seen, ASKED)), f"{where}: it is another when asked again"
            kept = np.array_equal(before[0], seen.points)
            kept = kept and np.array_equal(before[1], seen.losses, equal_nan=True)
            assert kept, f"{where}: it changes the trials it is shown"
        _check_end(sampler, name, label, knobs, config)


def _check_end(
    sampler: Sampler, name: str, label: str, knobs: tuple[Knob, ...], config: Mapping[str, Any]
) -> None:
    """Try a space that ends to its end: every configuration comes up, none twice."""
    among = left(knobs, [config])
    if among is None:
        return
    tried = np.array([[knob.unit(config) for knob in knobs]])
    total = len(among)
    for _ in range(total):
        if not len(among):
            break
        losses = tried.sum(axis=1) + 1.0
        seen = Seen(tried, losses, tried[0], 1, None, among, [len(knob.choices) for knob in knobs])
        found = ask_where_jobs_live(sampler, seen, ASKED)
        assert len(found) == min(ASKED, len(among)), f"{name!r} on {label!r}: it starves with some left"
        tried = np.vstack([tried, found])
        gone = {tuple(np.round(point, 9)) for point in found}
        among = np.array([one for one in among if tuple(np.round(one, 9)) not in gone]).reshape(
            -1, len(knobs)
        )
    assert len(tried) == total + 1, f"{name!r} on {label!r}: {len(tried) - 1} of {total} configurations ran"


def _studies(knobs: tuple[Knob, ...], config: Mapping[str, Any], most: int) -> Iterator[tuple[str, Seen]]:
    """Yield studies of a space: a description, and what a sampler sees."""
    start = np.array([knob.unit(config) for knob in knobs])
    drawn = np.random.default_rng(0).random((most, len(knobs)))
    snap = snapper(knobs)
    points: Floats = drawn if snap is None else snap(drawn)
    bowl = ((points - 0.3) ** 2).sum(axis=1)
    failing = np.where(np.arange(len(points)) % 3 == 1, np.nan, bowl)
    cases = {
        "no trial": (0, bowl),
        "one trial": (1, bowl),
        "ten trials": (10, bowl),
        "negative results": (10, bowl - 5.0),
        "results of both signs": (10, bowl - float(np.median(bowl[:10]))),
        "results of 0": (10, np.zeros(len(points))),
        "failures": (10, failing),
        "nothing but failures": (4, np.full(len(points), np.nan)),
        f"{most} trials": (most, failing),
    }
    for case, (count, losses) in cases.items():
        kinds = [len(knob.choices) for knob in knobs]
        yield case, Seen(points[:count], losses[:count], start, 3, kinds=kinds, snap=snap)
