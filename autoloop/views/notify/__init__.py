"""Telling the outside world: each event worth a message is one JSON line for a command of the user's."""
