"""W&B's files, of wandb 0.9 to 0.31, read without wandb."""

from autoloop.history.wandb.files import LOOKED_FOR, best_of_each, is_primary, sources, tail

__all__ = ["LOOKED_FOR", "best_of_each", "is_primary", "sources", "tail"]
