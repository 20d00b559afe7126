"""Running jobs: fresh child processes, each under a supervisor of its own, one at a time per slot.

    Pool -- socket --> zygote (preloaded, idle) -- fork --> supervisor -- fork --> job

The pool dispatches requests to slots. The zygote has imported what jobs need and forks a supervisor
per job. The supervisor keeps the limits of its job, ends it with everything it started, and reports.
This package module stays light, because the zygote imports it; the pool lives in
`autoloop.engine.execute.pool`.
"""

from autoloop.engine.execute.values import JobLimits, Outcome, Reply, Request

__all__ = ["JobLimits", "Outcome", "Reply", "Request"]
