#!/usr/bin/env bash
# A real SLURM of several nodes on this one machine, for tests: installs it from Debian if need be, then starts a
# munged, a slurmctld and one slurmd per node. Needs root, no systemd, and leaves an installed SLURM's own
# configuration, ports and munge key alone: everything of ours is in $1. `down.sh $1` ends it.
set -euo pipefail
BASE=${1:?a directory for configuration, state and logs}
NODES=${NODES:-3} CPUS=${CPUS:-4} GPUS=${GPUS:-2} PORT=${PORT:-26817}

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d # packages must not start their own daemons
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1; }
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends slurm-wlm slurm-client munge >/dev/null
    [ -z "${made:-}" ] || rm -f "$policy"
fi

mkdir -p "$BASE"/{state,log,spool,dev,munge}
chmod 755 "$BASE"
dd if=/dev/urandom of="$BASE/munge/key" bs=128 count=8 status=none
chmod 400 "$BASE/munge/key"
chown -R munge: "$BASE/munge"
chmod 711 "$BASE/munge"
setpriv --reuid=munge --regid=munge --clear-groups munged --force --key-file="$BASE/munge/key" \
    --socket="$BASE/munge/socket" --pid-file="$BASE/munge/pid" --log-file="$BASE/munge/log" \
    --seed-file="$BASE/munge/seed"

# slurmd numbers only character devices, and sets CUDA_VISIBLE_DEVICES for those alone: clones of /dev/null.
for gpu in $(seq 0 $((GPUS - 1))); do [ -c "$BASE/dev/gpu$gpu" ] || mknod "$BASE/dev/gpu$gpu" c 1 3; done
echo "NodeName=n[1-$NODES] Name=gpu File=$BASE/dev/gpu[0-$((GPUS - 1))]" >"$BASE/gres.conf"
echo "CgroupAutomount=no" >"$BASE/cgroup.conf"
cat >"$BASE/slurm.conf" <<CONF
ClusterName=autoloop
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits until its first credential has expired: two minutes by default.
AuthInfo=socket=$BASE/munge/socket,cred_expire=6
SlurmctldPidFile=$BASE/slurmctld.pid
SlurmdPidFile=$BASE/slurmd.%n.pid
SlurmdSpoolDir=$BASE/spool/%n
StateSaveLocation=$BASE/state
SlurmctldLogFile=$BASE/log/slurmctld.log
SlurmdLogFile=$BASE/log/slurmd.%n.log
# One machine poses as several, with more cores than it has.
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=6
KillWait=5
MinJobAge=300
GresTypes=gpu
SwitchType=switch/none
MpiDefault=none
NodeName=n[1-$NODES] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=[$((PORT + 1))-$((PORT + NODES))] CPUs=$CPUS RealMemory=16000 Gres=gpu:$GPUS
PartitionName=main Nodes=ALL Default=YES PriorityTier=1
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF
CONF

export SLURM_CONF=$BASE/slurm.conf
slurmctld -c
for node in $(seq "$NODES"); do
    mkdir -p "$BASE/spool/n$node"
    slurmd -N "n$node"
done
for _ in $(seq 300); do
    [ "$(sinfo --noheader --states=idle --format=%D 2>/dev/null)" = "$NODES" ] && exit 0
    sleep 0.1
done
echo "the nodes do not come up: see $BASE/log" >&2
exit 1
