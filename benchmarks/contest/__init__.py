"""Which strategy finds better settings with the same number of jobs: tasks, rivals, score, report."""
