"""A door: ``python -m autoloop.generate_and_run``, an older name of ``autoloop generate``."""

from autoloop.cli.older.generate_and_run import command

__all__ = ["command"]

if __name__ == "__main__":
    command(prog_name="python -m autoloop.generate_and_run")
