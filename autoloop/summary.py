"""A door: what stands in `autoloop.curves.summary`, under the name that users import."""

from autoloop.curves.summary import MetricSummary, as_dicts, goal_of, percent, summarize, summarize_series

__all__ = ["MetricSummary", "as_dicts", "goal_of", "percent", "summarize", "summarize_series"]
