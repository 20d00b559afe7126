"""Runs jobs: processes, slots, other people's launchers."""
