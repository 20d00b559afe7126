"""How long a supervisor is waited for that should have spoken: stopped, hung, or on a disk that hangs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from autoloop.engine.execute.values import EndedBy, JobLimits

#: Seconds after which a silent supervisor gets SIGCONT; then those, beside its grace time, after which
#: it is killed; then those after which it is given up. The second row is for who is in a hurry.
_PATIENCE_S = (5.0, 30.0, 60.0)
_HURRY_S = (1.0, 2.0, 3.0)


class Step(Enum):
    """What is due with a supervisor: it is left alone, woken, killed, or given up."""

    WAIT = 0
    WAKE = 1
    KILL = 2
    GIVE_UP = 3


@dataclass(slots=True)
class Vigil:
    """When the last word of one supervisor is overdue; times are seconds of any one clock.

    A supervisor keeps the limits of its job and obeys orders by itself, so that all of this is for one that
    cannot. Killing it kills its job.

    Attributes:
        limits: The job's limits.
        began: When the job began.
        reason: Why the job is to have ended; None as long as it may run.
    """

    limits: JobLimits
    began: float
    reason: EndedBy | None = None
    _since: float = 0.0
    _hurried: bool = False
    _done: Step = Step.WAIT

    def ask(self, now: float, reason: EndedBy, at_once: bool) -> None:
        """Take note of an order to end the job."""
        if self.reason is None:
            self.reason, self._since = reason, now
        if at_once and not self._hurried:
            self._hurried, self._since = True, now

    def due(self, now: float) -> Step:
        """Return what is due at ``now``; each step but the last is due once."""
        timeout_s = self.limits.timeout_s
        if self.reason is None and timeout_s is not None and now - self.began >= timeout_s:
            self.ask(self.began + timeout_s, "timeout", at_once=False)
        step = self._step(now) if self.reason is not None else Step.WAIT
        if step is self._done and step is not Step.GIVE_UP:
            return Step.WAIT
        self._done = step
        return step

    def _step(self, now: float) -> Step:
        wake_s, kill_s, lost_s = _HURRY_S if self._hurried else _PATIENCE_S
        kill_s += 0.0 if self._hurried else self.limits.grace_s
        waited_s = now - self._since
        passed = sum(waited_s >= limit_s for limit_s in (wake_s, wake_s + kill_s, wake_s + kill_s + lost_s))
        return Step(passed)
