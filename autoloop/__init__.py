"""autoloop: a Hydra sweeper that trains in rounds and explains every decision.

This module imports nothing heavy; import what you need from its submodules.
"""

__version__ = "0.1.0"
