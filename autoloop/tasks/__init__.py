"""What a job runs: the built-in trainer and the runner for scripts of your own."""
