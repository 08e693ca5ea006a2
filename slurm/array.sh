#!/usr/bin/env bash
# One task of a SLURM array: part I of N of a campaign, into OUT.I-of-N.journal. slurm/submit.sh submits it; by hand:
#
#   sbatch --array=1-8 --ntasks=4 slurm/array.sh SPEC OUT.h5 8 [OPTIONS OF fslens run]
#   sbatch --array=3,7 --ntasks=4 slurm/array.sh SPEC OUT.h5 8     # tasks 3 and 7 of the same 8 again
#
# N is an argument, for SLURM_ARRAY_TASK_COUNT is 2 in the second line. A task runs under mpirun with the ranks of its
# allocation (--ntasks), stops before its time limit, and is requeued until its part is done.
#
# Variables (see submit.sh): FSLENS, FSLENS_MODULES, FSLENS_MPIRUN, FSLENS_RESTARTS; FSLENS_SLURM, the folder of this script,
# where SLURM cannot tell it. SBATCH_SIGNAL, SBATCH_NO_REQUEUE and the like override these lines:
#SBATCH --job-name=fslens
#SBATCH --signal=B:USR1@60
#SBATCH --requeue
#SBATCH --open-mode=append
folder=${FSLENS_SLURM:-$(dirname -- "$0")}
if [ ! -r "$folder/common.sh" ]; then # SLURM runs a copy of this script; where it was is in the job's command
  folder=$(scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *Command=//p')
  folder=${folder%%/array.sh*}
fi
# shellcheck source=slurm/common.sh
. "$folder/common.sh" || exit 2
[ $# -ge 3 ] || die "usage: sbatch --array=1-N slurm/array.sh SPEC OUT.h5 N [OPTIONS OF fslens run]"
spec=$1 out=$2 tasks=$3
shift 3

say "task $SLURM_ARRAY_TASK_ID of $tasks, run $((${SLURM_RESTART_COUNT:-0} + 1)), on $HOSTNAME, $(date '+%F %T')"
run_campaign "$spec" -o "$out" --array "$SLURM_ARRAY_TASK_ID/$tasks" "$@"
