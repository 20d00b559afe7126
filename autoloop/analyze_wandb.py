"""A door: ``python -m autoloop.analyze_wandb``, an older name of ``autoloop analyze --online``."""

from autoloop.cli.older.analyze_wandb import command

__all__ = ["command"]

if __name__ == "__main__":
    command(prog_name="python -m autoloop.analyze_wandb")
