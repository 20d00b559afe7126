"""Filling a round: strategies propose, this disposes. Values in, a round out. No file, no clock.

`first` fills round 1, `later` the others, `measuring` adds what is run to measure; each into a `Round`. The
`Disposer` alone says whether a proposal can be applied, stays in bounds and was not run before; the round has
each refusal in words.
"""

from autoloop.loop.filling.derived import Derive, Derived
from autoloop.loop.filling.disposer import Disposer, Objection, Obstacles, no_objection
from autoloop.loop.filling.first import first_round
from autoloop.loop.filling.fitting import effective_edits, usable_edits
from autoloop.loop.filling.later import next_round
from autoloop.loop.filling.measuring import add_anew, add_longer, add_repeats, add_without
from autoloop.loop.filling.round import Round

__all__ = [
    "Derive",
    "Derived",
    "Disposer",
    "Objection",
    "Obstacles",
    "Round",
    "add_anew",
    "add_longer",
    "add_repeats",
    "add_without",
    "effective_edits",
    "first_round",
    "next_round",
    "no_objection",
    "usable_edits",
]
