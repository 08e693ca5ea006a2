# shellcheck shell=bash
# Sourced by the scripts beside it: where fslens is, when the job ends, the run itself, and what its exit status means.
set -u

# The name of this job or array task: SLURM_JOB_ID may be the number of the whole array.
job=${SLURM_JOB_ID:-}
[ -z "${SLURM_ARRAY_TASK_ID:-}" ] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID

say() { printf 'fslens%s: %s\n' "${job:+ job $job}" "$*"; }

die() {
  say "$@" >&2
  exit 2
}

# FSLENS_MODULES, loaded word by word.
load_modules() {
  local words word file
  read -ra words <<<"${FSLENS_MODULES:-}"
  [ ${#words[@]} -gt 0 ] || return 0
  set +u # the code of modules is not ours
  for file in "$MODULESHOME/init/bash" /etc/profile.d/lmod.sh /etc/profile.d/modules.sh; do
    # shellcheck source=/dev/null
    type module >/dev/null 2>&1 || [ ! -r "$file" ] || . "$file"
  done
  for word in "${words[@]}"; do
    module load "$word" || die "cannot load the module $word (FSLENS_MODULES)"
  done
  set -u
}

# Sets FSLENS: as given, or in the path, or built beside the folder of these scripts.
find_fslens() {
  local found
  found=$(command -v -- "${FSLENS:-fslens}") || found=${FSLENS:-$folder/../build/fslens}
  [ -x "$found" ] || die "$found is no program: build fslens, or set FSLENS to it"
  FSLENS=$(realpath -s -- "$found")
  export FSLENS
}

# fslens run starts no job that does not fit before SLURM_JOB_END_TIME (seconds since 1970), which older versions of SLURM do
# not set. The end that counts is the earliest moment of SLURM's signal, a minute before what was asked for: work that the
# signal cuts off is lost, and a job that never fits would be started by every run. From SLURM_JOB_START_TIME on it knows the
# whole time, so that a job that can never fit is told from one that does not fit today.
know_end() {
  local start=${SLURM_JOB_START_TIME:-} end=${SLURM_JOB_END_TIME:-} signal=${SBATCH_SIGNAL:-B:USR1@60}
  [[ -n $start && -n $end ]] ||
    read -r start end < <(SLURM_TIME_FORMAT=%s squeue -h -j "$job" -o '%S %e' 2>/dev/null)
  unset SLURM_JOB_START_TIME SLURM_JOB_END_TIME
  if [[ $start =~ ^[0-9]+$ && $end =~ ^[0-9]+$ && $signal =~ @([0-9]+)$ ]]; then
    export SLURM_JOB_START_TIME=$start SLURM_JOB_END_TIME=$((end - BASH_REMATCH[1] - 60))
    say "starts what will end before $(date -d "@$SLURM_JOB_END_TIME" '+%F %T')"
  else
    say "SLURM does not say when this job ends"
  fi
}

# Asks for another run, at most FSLENS_RESTARTS times. SLURM may end this script at once.
requeue() {
  local restarts=${SLURM_RESTART_COUNT:-0} most=${FSLENS_RESTARTS:-50}
  if [ -n "$cancelled" ]; then
    say "cancelled: not requeued; what is finished is kept"
  elif ! [ "$restarts" -lt "$most" ]; then
    say "stopped early and not requeued: restarted $restarts times, FSLENS_RESTARTS is $most; submit it again to go on"
  else
    say "stopped early: requeued, restart $((restarts + 1)) of at most $most"
    scontrol requeue "$job" || say "it could not be requeued; submit it again to go on"
  fi
}

# 75 asks for another run. 3 does not: the same jobs would fail again.
finish() {
  local status=$1
  case $status in
  0) say "done" ;;
  3) say "finished, but some jobs failed: fslens show says which, --retry-failed runs them again" ;;
  75) requeue ;;
  *) say "ended with $status: not requeued" ;;
  esac
  exit "$status"
}

# Sets options: the arguments without those that hold for the first run alone, and would undo or repeat work in a restart.
options_of_this_run() {
  local option
  options=()
  for option in "$@"; do
    [ -n "${SLURM_RESTART_COUNT:-}" ] && [[ $option == --fresh || $option == --retry-failed ]] || options+=("$option")
  done
}

# Sets status to what the child ends with. A signal interrupts `wait`, which is then to be called again.
wait_for_child() {
  interrupted=yes
  while [ -n "$interrupted" ]; do
    interrupted=''
    wait "$child"
    status=$?
  done
  [ "$status" -ne 138 ] || status=75 # USR1 came before anything had begun
}

stop_child() {
  interrupted=yes stopped=yes
  [ -z "$child" ] || kill -USR1 "$child" 2>/dev/null
}

# run_campaign OPTIONS...: `fslens run OPTIONS` under mpirun with the ranks of the allocation, started again after a crash.
# SLURM's USR1 comes to this shell, which hands it on; fslens then stops within seconds and ends with 75. TERM is a
# cancellation: it stops too, and asks for no other run. Ends the script.
run_campaign() {
  local launch options status
  child='' stopped='' cancelled='' interrupted=''
  trap stop_child USR1
  trap 'cancelled=yes; stop_child' TERM
  load_modules
  find_fslens
  know_end
  options_of_this_run "$@"
  read -ra launch <<<"${FSLENS_MPIRUN:-mpirun}"
  [ -z "${SLURM_NTASKS:-}" ] || launch+=(-n "$SLURM_NTASKS")
  "$FSLENS" supervise -- "${launch[@]}" "$FSLENS" run "${options[@]}" &
  child=$!
  [ -z "$stopped" ] || kill -USR1 "$child"
  wait_for_child
  finish "$status"
}
