"""Reports on a study, drawn from its journal alone.

``data`` the numbers, ``markdown`` the rounds in text, ``why`` one job's story
in ten lines; ``write`` puts the files of a study on disk. All but ``write`` are pure functions of a `Study`.
"""
