"""What all tests share."""

from __future__ import annotations

import copy
import signal
from collections.abc import Iterator

import pytest
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton

Plugins.instance()  # finds the plugins once, so that every test starts with their configs in the store
# A shell's background job ignores Ctrl-C, and so would all processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
UNTOUCHED = copy.deepcopy(Singleton.get_state())


@pytest.fixture(autouse=True)
def hydra_is_as_new() -> Iterator[None]:
    """Hydra keeps its state in singletons, the version it imitates included.

    Importing an app or composing a config changes it; no test may find what another one left.
    """
    yield
    Singleton.set_state(copy.deepcopy(UNTOUCHED))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests start first, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: item.path.name != "test_chaos.py")
