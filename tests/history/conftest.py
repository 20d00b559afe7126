"""Both ways to read: Python alone, and the compiled walker, which has to give the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autoloop.history import compiled

BUILT = compiled.WALKER


@pytest.fixture(scope="module", params=["python", "compiled"])
def both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have each test of a module run by Python alone, then with the compiled walker."""
    if request.param == "compiled" and BUILT is None:
        pytest.skip("the compiled walker was not built")
    compiled.WALKER = BUILT if request.param == "compiled" else None
    yield
    compiled.WALKER = BUILT


@pytest.fixture(scope="module", params=["usual", pytest.param("python", marks=pytest.mark.slow)])
def usual_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have each test of a module run as is usual here, and among the slow tests by Python alone."""
    compiled.WALKER = BUILT if request.param == "usual" else None
    yield
    compiled.WALKER = BUILT
