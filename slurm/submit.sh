#!/usr/bin/env bash
# Runs a campaign as a SLURM array, with a job behind it that gathers the results:
#
#   slurm/submit.sh SPEC [TASKS] [RANKS] [OPTIONS OF fslens run]      8 tasks of 1 rank each, where not said
#
#   SBATCH_ACCOUNT=physics SBATCH_PARTITION=short SBATCH_TIMELIMIT=2:00:00 slurm/submit.sh grid.yaml 20 8
#   SBATCH_ARRAY_INX=3,7 slurm/submit.sh grid.yaml 20 8               tasks 3 and 7 of the 20 again, and a gather
#   SBATCH_ARRAY_INX=1-20%4 slurm/submit.sh grid.yaml 20 8            at most 4 at a time
#
# Results come to OUT.h5, journals to OUT.I-of-N.journal, logs to OUT.I-of-N.log and OUT.gather.log. A task that its time
# limit stops is requeued and goes on. The gather runs when no task is left, whatever became of them, and its log says what
# is missing: submit those tasks again. The number of ranks may change, and so may N: no finished job is computed twice.
#
# Variables
#   FSLENS_OUT        OUT.h5 (default: the spec's name with .h5, in the current folder)
#   FSLENS            the program (default: fslens of the path, else build/fslens beside this folder)
#   FSLENS_MODULES    modules to load, such as "gcc/12 openmpi/4.1 hdf5"
#   FSLENS_MPIRUN     what starts the ranks, with its options, split at spaces (default: mpirun). Where mpirun does not know
#                     SLURM, but srun knows PMIx: FSLENS_MPIRUN="srun --mpi=pmix"
#   FSLENS_RESTARTS   how often a task is requeued at most (default: 50)
#   SBATCH_...        sbatch's own: SBATCH_ACCOUNT, SBATCH_PARTITION, SBATCH_QOS, SBATCH_TIMELIMIT, SBATCH_MEM_PER_CPU,
#                     SBATCH_CONSTRAINT, SBATCH_SIGNAL (B:USR1@60: a stop 60 to 120 s before the time limit) and others
folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd) || exit 2
# shellcheck source=slurm/common.sh
. "$folder/common.sh" || exit 2
job='' # of what is submitted from here on

# OUT.h5 of DIR/name.yaml, as `fslens run` has it: name.h5 in the current folder.
default_out() {
  local file=${1##*/} stem
  stem=${file%.*}
  printf '%s.h5' "${stem:-$file}"
}

absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac }

# The name of a log: SLURM fills in %a, the number of a task, and takes %% for %.
log_name() { printf '%s.%s.log' "${base//'%'/%%}" "$1"; }

# submit OPTIONS...: shows the line and runs it. Sets job to the number it got.
submit() {
  printf 'sbatch'
  printf ' %q' "$@"
  printf '\n'
  job=$(sbatch --parsable "$@") || return 1
  job=${job%%;*}
}

[ $# -ge 1 ] || die "usage: slurm/submit.sh SPEC [TASKS] [RANKS] [OPTIONS OF fslens run]"
spec=$(absolute "$1") tasks=8 ranks=1
shift
[[ ${1:--} == -* ]] || { tasks=$1 && shift; }
[[ ${1:--} == -* ]] || { ranks=$1 && shift; }
[[ $tasks =~ ^[1-9][0-9]*$ ]] || die "'$tasks' tasks: expected a number"
[[ $ranks =~ ^[1-9][0-9]*$ ]] || die "'$ranks' ranks: expected a number"
[ -r "$spec" ] || die "$spec: cannot read the spec"
command -v sbatch >/dev/null || die "there is no sbatch here"
out=$(absolute "${FSLENS_OUT:-$(default_out "$spec")}")
base=${out%.h5}
[[ $base != *[\\$'\n']* ]] || die "$base: SLURM cannot name a log so, for the backslash or line break"

# A wrong spec is refused here and not by every task. Options of `run` may change it: then the tasks find out.
load_modules
find_fslens
if [ $# -eq 0 ]; then
  "$FSLENS" plan "$spec" >/dev/null
  [ $? -ne 2 ] || die "$spec is wrong; nothing was submitted"
fi

export FSLENS_SLURM=$folder
numbers=${SBATCH_ARRAY_INX:-1-$tasks}
unset SBATCH_ARRAY_INX # else the gather became an array too
submit --export=ALL --array="$numbers" --ntasks="$ranks" --output="$(log_name "%a-of-$tasks")" \
  "$folder/array.sh" "$spec" "$out" "$tasks" "$@" || die "the array was not submitted"
array=$job
submit --export=ALL --dependency="afterany:$array" --output="$(log_name gather)" "$folder/gather.sh" "$out" ||
  die "the array is submitted as job $array, the gather is not: run $folder/gather.sh when it is over"
echo "job $array: the array, with journals and logs $base.I-of-$tasks.*; job $job: then makes $out, log $base.gather.log"
