"""The slots launcher passes the suites that Hydra ships for launchers, and runs under Hydra's own sweeper."""

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)


def test_hydra_finds_the_launcher():
    """Hydra's plugin scan finds the launcher in the hydra_plugins namespace."""
    names = [plugin.__name__ for plugin in Plugins.instance().discover(Launcher)]
    assert names.count("SlotsLauncher") == 1


@pytest.mark.parametrize(("launcher_name", "overrides"), [("slots", [])])
class TestSlotsLauncher(LauncherTestSuite):
    """Hydra's launcher suite."""


@pytest.mark.parametrize(("launcher_name", "overrides"), [("slots", ["hydra.sweeper.max_batch_size=2"])])
class TestSlotsLauncherInBatches(BatchedSweeperTestSuite):
    """Hydra's suite for sweeps in several batches, which keep one launcher."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [
        (
            {
                "defaults": [
                    {"override hydra/launcher": "slots"},
                    {"override hydra/hydra_logging": "hydra_debug"},
                    {"override hydra/job_logging": "disabled"},
                ]
            },
            ["-m"],
        )
    ],
)
class TestSlotsLauncherIntegration(IntegrationTestSuite):
    """Hydra's integration suite: real apps in processes of their own."""
