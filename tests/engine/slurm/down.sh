#!/usr/bin/env bash
# Ends the SLURM that up.sh started in $1.
BASE=${1:?the directory given to up.sh}
export SLURM_CONF=$BASE/slurm.conf
scancel --user="$(id -un)" 2>/dev/null
for pid_file in "$BASE"/slurmd.*.pid "$BASE/slurmctld.pid" "$BASE/munge/pid"; do
    [ -s "$pid_file" ] || continue
    pid=$(cat "$pid_file")
    kill "$pid" 2>/dev/null
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
done
