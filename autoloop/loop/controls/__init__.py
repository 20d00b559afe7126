"""Controls: what a user may tell a running study. Values in, values out. No file, no clock.

`words` reads what was said, `judging` says what comes of it, `effect` what holds then.
"""

from autoloop.loop.controls.effect import bounds_of, ignored_of, jobs_at_once, limits_of
from autoloop.loop.controls.judging import Standing, judge
from autoloop.loop.controls.words import ACTIONS, SETTINGS, read_words

__all__ = [
    "ACTIONS",
    "SETTINGS",
    "Standing",
    "bounds_of",
    "ignored_of",
    "jobs_at_once",
    "judge",
    "limits_of",
    "read_words",
]
