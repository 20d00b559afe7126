"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from omegaconf.basecontainer import BaseContainer

Plugins.instance()  # finds the plugins once, so that every test starts with their configs in the store
# A shell's background job ignores Ctrl-C, and so would all processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def copied(state: Any) -> Any:
    """A state whose lists and mappings are its own; what they hold, nobody changes in place."""
    if isinstance(state, dict):
        return {key: copied(item) for key, item in state.items()}
    return list(state) if isinstance(state, list) else state


UNTOUCHED = {kind: (one, copied(vars(one))) for kind, one in Singleton._instances.items()}
RESOLVERS = dict(BaseContainer._resolvers)


@pytest.fixture(autouse=True)
def hydra_is_as_new() -> Iterator[None]:
    """Hydra keeps its state in singletons, the version it imitates included.

    Importing an app or composing a config changes it; no test may find what another one left. Hydra's own
    way to restore it looks for all plugins again, which takes longer than most tests.
    """
    yield
    Singleton._instances = {kind: one for kind, (one, _) in UNTOUCHED.items()}
    for one, state in UNTOUCHED.values():
        vars(one).clear()
        vars(one).update(copied(state))
    BaseContainer._resolvers = dict(RESOLVERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests start first, so that no worker is left alone with them at the end."""
    items.sort(key=lambda item: item.path.name != "test_chaos.py")
