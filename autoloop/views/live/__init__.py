"""Looking at a study while it runs: what there is (`view`), how (`draw`, `lines`), where (`screen`)."""
