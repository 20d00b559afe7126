"""Shows: everything a person or another tool looks at, drawn from the journal."""
