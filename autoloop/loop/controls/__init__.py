"""Controls: what a user may ask of a running study. Values in, values out. No file, no clock.

`parsing` reads a request, `judging` accepts or refuses it, `effect` applies it to the settings.
"""

from autoloop.loop.controls.effect import bounds_of, ignored_of, jobs_at_once, limits_of
from autoloop.loop.controls.judging import Standing, judge
from autoloop.loop.controls.parsing import ACTIONS, SETTINGS, parse_control

__all__ = [
    "ACTIONS",
    "SETTINGS",
    "Standing",
    "bounds_of",
    "ignored_of",
    "jobs_at_once",
    "judge",
    "limits_of",
    "parse_control",
]
