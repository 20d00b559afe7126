"""autoloop: a Hydra sweeper that trains in rounds and explains every decision.

This module imports nothing heavy; import what you need from its submodules. Notebooks start from
`autoloop.Study.load(DIR)`.
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the study of notebooks when it is asked for."""
    if name == "Study":
        from autoloop.views.frames import LoadedStudy

        return LoadedStudy
    raise AttributeError(f"module 'autoloop' has no attribute {name!r}")
