"""Running jobs on SLURM, as far as it differs from running them in slots.

    SlurmPool -- sbatch --> SLURM -- on a node --> supervisor (`engine.slurm.body`) -- fork --> job

SLURM schedules; the supervisor in each SLURM job is that of `engine.execute`. What the main process and a job
have to tell each other stands in files of a folder of the job's own (`engine.slurm.folder`), below the sweep
directory on the file system that both see. So a job needs no main process while it runs, and a later main
process finds it again.
"""
