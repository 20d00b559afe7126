"""``detail=quiet``: of a study's log only warnings, failures and what came of it."""

from __future__ import annotations

import logging

from autoloop.config.knobs import Detail

#: Loggers of a study as it goes on; another logger, below these, has the result.
_SPEAKERS = ("autoloop", "autoloop.engine.launching")


class _OnlyWarnings(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_ONLY_WARNINGS = _OnlyWarnings()


def set_detail(detail: Detail) -> None:
    """Let the log of this process say as much as the setting asks for; jobs keep their own logs.

    Args:
        detail: The setting.
    """
    for name in _SPEAKERS:
        speaker = logging.getLogger(name)
        if detail == "quiet":
            speaker.addFilter(_ONLY_WARNINGS)
        else:
            speaker.removeFilter(_ONLY_WARNINGS)
