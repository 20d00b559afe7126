"""Trainings of other kinds than the contest's, in the form in which anybody can add some."""
