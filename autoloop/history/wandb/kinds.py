"""Words for W&B's files."""

WANDB = "wandb"
LOG, JSONL, SUMMARY = "log", "jsonl", "summary"
