"""Hydra's own suites, with our sweeper over its launchers and ours."""

from __future__ import annotations

from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)
from pytest import mark

# The suites run apps of Hydra 1.1's time, which Hydra itself warns about.
pytestmark = mark.filterwarnings("ignore:\\s*Future Hydra versions")

SWEEPER = ["hydra/sweeper=autoloop"]


@mark.parametrize(
    "launcher_name, overrides", [("basic", SWEEPER), ("slots", [*SWEEPER, "hydra.launcher.n_jobs=2"])]
)
class TestLaunchersUnderTheSweeper(LauncherTestSuite):
    pass


@mark.parametrize(
    "launcher_name, overrides",
    [
        ("basic", [*SWEEPER, "hydra.sweeper.max_batch_size=2"]),
        ("slots", [*SWEEPER, "hydra.sweeper.max_batch_size=2", "hydra.launcher.n_jobs=2"]),
    ],
)
class TestBatches(BatchedSweeperTestSuite):
    pass


@mark.parametrize(
    "task_launcher_cfg, extra_flags",
    [({}, ["-m", "hydra/launcher=slots", "hydra.launcher.n_jobs=2", *SWEEPER])],
)
class TestIntegration(IntegrationTestSuite):
    pass


@mark.slow
@mark.parametrize("task_launcher_cfg, extra_flags", [({}, ["-m", "hydra/launcher=basic", *SWEEPER])])
class TestIntegrationOverBasic(IntegrationTestSuite):
    pass
