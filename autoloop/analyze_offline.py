"""A door: ``python -m autoloop.analyze_offline``, an older name of ``autoloop analyze``."""

from autoloop.cli.older.analyze_offline import command

__all__ = ["command"]

if __name__ == "__main__":
    command(prog_name="python -m autoloop.analyze_offline")
