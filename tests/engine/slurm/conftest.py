"""A real SLURM of three nodes on this machine, for as long as the tests run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.engine.slurm.cluster import Cluster

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def cluster():
    """The cluster; its daemons live below a short path, which the sockets of munge need."""
    missing = why_not()
    if missing:
        pytest.skip(missing)
    base = Path(tempfile.mkdtemp(prefix="slurm-"))
    ports = {"PORT": str(20000 + os.getpid() % 10000 * 4)}  # of its own, whoever else tests here
    up = subprocess.run(
        [HERE / "up.sh", base], env={**os.environ, **ports}, capture_output=True, text=True, check=False
    )
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(base / "slurm.conf"))
            yield Cluster(base)
    finally:
        subprocess.run([HERE / "down.sh", base], check=False)
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def nothing_is_left(cluster):
    """Every test finds three free nodes."""
    yield
    cluster.clear()


def why_not() -> str:
    """Why no SLURM can be started here; empty if one can."""
    if os.geteuid() != 0:
        return "SLURM is not tested: its daemons need root"
    if shutil.which("slurmctld") is None and shutil.which("apt-get") is None:
        return "SLURM is not tested: slurmctld is not installed and there is no apt-get to install it with"
    return ""
