"""Looking at a study while it runs: what to show (`view`), how to draw it (`draw`), where (`screen`, `watch`)."""
