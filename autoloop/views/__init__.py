"""Shows: what a person or another tool looks at, drawn from the journal."""
