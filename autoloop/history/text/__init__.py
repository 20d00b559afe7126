"""Text files that training programs log into: CSV, JSON and lines of a log."""
