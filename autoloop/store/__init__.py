"""A study on disk: journal, files, lock; what leaves this process is redacted here."""
