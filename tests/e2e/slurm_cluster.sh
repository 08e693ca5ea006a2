# shellcheck shell=bash disable=SC2154
# A SLURM of one node of its own, for test_slurm.sh: daemons, keys, logs and ports in the folder $here, no systemd, no
# cgroups. Whatever SLURM the machine has is not touched: SLURM_CONF says which one commands mean. Needs root.
unset "${!SLURM_@}" "${!SBATCH_@}"
daemons=()

# missing_for_slurm: why there can be no SLURM here; nothing where there can be one.
missing_for_slurm() {
  local command
  [ "$(id -u)" -eq 0 ] || echo "not root"
  for command in munged slurmctld slurmd sbatch scontrol squeue scancel; do
    command -v $command >/dev/null || echo "$command is not installed"
  done
}

free_ports() {
  "$PYTHON" -c '
import socket
sockets = [socket.create_server(("", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))'
}

write_slurm_conf() { # CPUS
  local ports host
  read -ra ports < <(free_ports)
  host=$(hostname -s)
  mkdir "$here/slurm" "$here/slurm/state" "$here/slurm/spool"
  cat >"$here/slurm/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$here/slurm/state
SlurmdSpoolDir=$here/slurm/spool
SlurmctldPidFile=$here/slurm/slurmctld.pid
SlurmdPidFile=$here/slurm/slurmd.pid
SlurmctldLogFile=$here/slurm/slurmctld.log
SlurmdLogFile=$here/slurm/slurmd.log
AuthInfo=socket=$here/slurm/munge,cred_expire=5
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
KillWait=10
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$1 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
}

all_live() {
  local pid
  for pid in "${daemons[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done
}

# within SECONDS COMMAND...: tries until the command succeeds; in vain when a daemon is gone.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    all_live && [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

node_is_idle() { sinfo -h -o %T 2>/dev/null | grep -q idle; }

# start_cluster CPUS: a node that says it has so many. What the daemons said is in $here/slurm/*.log.
start_cluster() {
  write_slurm_conf "$1"
  export SLURM_CONF=$here/slurm/slurm.conf
  head -c 1024 /dev/urandom >"$here/slurm/key" && chmod 600 "$here/slurm/key"
  munged --foreground --force --socket="$here/slurm/munge" --key-file="$here/slurm/key" --num-threads=2 \
    --pid-file="$here/slurm/munged.pid" --seed-file="$here/slurm/seed" >"$here/slurm/munged.log" 2>&1 &
  daemons+=($!)
  within 10 test -S "$here/slurm/munge" || return 1
  slurmctld -D -i >"$here/slurm/slurmctld.out" 2>&1 &
  daemons+=($!)
  slurmd -D >"$here/slurm/slurmd.out" 2>&1 &
  daemons+=($!)
  within 20 node_is_idle
}

# Why it did not start, in a line.
last_words() { grep -h -i -m 1 -E 'error|fatal' "$here"/slurm/{munged.log,slurmctld.out,slurmd.out} 2>/dev/null | head -1; }

# The processes that were started with this SLURM_CONF: steps outlive slurmd.
ours() { grep -lzxF "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }

no_jobs() { [ -z "$(squeue -h 2>/dev/null)" ]; }

stop_cluster() {
  local left pid
  [ ${#daemons[@]} -gt 0 ] || return 0
  all_live && timeout 5 scancel --quiet -u root 2>/dev/null && within 5 no_jobs
  kill "${daemons[@]}" 2>/dev/null
  sleep 1
  left=$(ours)
  for pid in $left; do kill -KILL "$pid" 2>/dev/null; done
  wait 2>/dev/null
  daemons=()
}
