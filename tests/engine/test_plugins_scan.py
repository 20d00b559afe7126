"""What Hydra finds when it scans our plugins."""

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher

from hydra_plugins.autoloop._base import StreamingLauncher


def test_hydra_registers_our_launchers_and_not_what_they_share():
    found = {
        kind
        for kind in Plugins.instance().discover(Launcher)
        if kind.__module__.startswith("hydra_plugins.autoloop")
    }
    assert {kind.__name__ for kind in found} == {"SlotsLauncher", "SlurmLauncher"}
    assert all(issubclass(kind, StreamingLauncher) for kind in found)
