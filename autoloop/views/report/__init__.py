"""Reports on a study, drawn from its journal alone.

``data`` the numbers, ``markdown`` the rounds in text, ``html`` one page to look at, ``why`` one job's story
in ten lines: pure functions of a `Study`. ``write`` puts the files of a study on disk.
"""

from autoloop.views.report.write import Reporter, write_report

__all__ = ["Reporter", "write_report"]
