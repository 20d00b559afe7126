"""What all tests share."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton

Plugins.instance()  # finds the plugins once, so that every test starts with their configs in the store


@pytest.fixture(autouse=True)
def hydra_is_left_as_it_was() -> Iterator[None]:
    """Hydra keeps its state, the version it imitates included, in singletons.

    No test may change another's.
    """
    state = copy.deepcopy(Singleton.get_state())
    yield
    Singleton.set_state(state)
