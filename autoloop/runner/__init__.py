"""Does: runs a study. It asks the loop what is due, writes that down, does it."""
