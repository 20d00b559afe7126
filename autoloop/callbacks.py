"""A door: the callback that apps name in their config, ``autoloop.callbacks.RoundCallback``."""

from autoloop.runner.callbacks import RoundCallback

__all__ = ["RoundCallback"]
