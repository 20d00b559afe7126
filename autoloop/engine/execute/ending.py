"""How a job is ended: politely first, then harder, within a fixed time."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

from autoloop.engine.execute.values import EndedBy

#: Shares of the grace time after which SIGTERM and SIGKILL follow the first SIGINT.
TERM_AT, KILL_AT = 0.75, 0.9

#: Seconds between repeated SIGKILLs: a process may fork while its tree is killed.
_KILL_AGAIN_S = 0.2


@dataclass(slots=True)
class Ending:
    """The steps by which one job is ended; times are seconds of any one clock.

    SIGINT comes first, because W&B then writes all rows it has; SIGTERM loses up to a block of them.

    Attributes:
        reason: Why the job is ended.
        began: When it was asked to end.
        grace_s: How long after ``began`` the last process must be gone.
        hurried: Whether somebody did not want to wait that long.
    """

    reason: EndedBy
    began: float
    grace_s: float
    hurried: bool = False
    _sent: list[signal.Signals] = field(default_factory=list)
    _next_kill: float = 0.0

    def due(self, now: float) -> signal.Signals | None:
        """Return the signal to send at ``now``, None if it is not time for the next one."""
        elapsed = now - self.began
        if elapsed >= KILL_AT * self.grace_s:
            if now < self._next_kill:
                return None
            self._next_kill = now + _KILL_AGAIN_S
            return signal.SIGKILL
        if elapsed >= TERM_AT * self.grace_s:
            return self._once(signal.SIGTERM)
        return self._once(signal.SIGINT)

    def next_at(self) -> float:
        """Return when `due` has to be asked again."""
        if self._next_kill:
            return self._next_kill
        share = KILL_AT if signal.SIGTERM in self._sent else TERM_AT
        return self.began + share * self.grace_s

    def hurry(self) -> None:
        """Skip what is left of the grace: SIGKILL is due at once."""
        self.grace_s, self.hurried = 0.0, True

    def _once(self, signum: signal.Signals) -> signal.Signals | None:
        if signum in self._sent:
            return None
        self._sent.append(signum)
        return signum
