import pytest
from hydra.core.plugins import Plugins


@pytest.fixture(scope="session", autouse=True)
def plugins():
    """Scan for plugins before Hydra's fixtures remember its state: Hydra 1.4 scans only once."""
    return Plugins.instance()
