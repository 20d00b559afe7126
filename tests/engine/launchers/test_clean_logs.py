"""No launcher shows a secret in what it logs: most name the overrides of each job."""

from __future__ import annotations

import logging

import pytest
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.plugins.launcher import Launcher

from autoloop.engine.launchers import JobLauncher


def _launchers() -> list[type[Launcher]]:
    joblib = pytest.importorskip("hydra_plugins.hydra_joblib_launcher.joblib_launcher")
    return [BasicLauncher, joblib.JoblibLauncher]


@pytest.mark.parametrize("module", ["", "_core"])
def test_a_launchers_log_is_clean(
    module: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """That of its own module, and that of the module beside it which does the work."""
    monkeypatch.setenv("TRACKER_API_KEY", "key-0123456789")
    for launcher in _launchers():
        JobLauncher(launcher())
        name = launcher.__module__
        name = f"{name.rpartition('.')[0]}.{module}" if module else name
        with caplog.at_level(logging.INFO):
            logging.getLogger(name).info("\t#%s : %s", 0, "++key=key-0123456789 lr=\x1b[31m2")
    assert "key-0123456789" not in caplog.text
    assert caplog.text.count("#0 : ++key=<TRACKER_API_KEY> lr=") == 2
    assert "\x1b" not in caplog.text
