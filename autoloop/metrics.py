"""A door: what stands in `autoloop.curves.metrics`, under the name that users import."""

from autoloop.curves.metrics import Metrics

__all__ = ["Metrics"]
