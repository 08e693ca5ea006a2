#!/usr/bin/env bash
# One campaign on many nodes as one job, no array:
#
#   sbatch --nodes=4 --ntasks-per-node=32 --time=4:00:00 slurm/many-nodes.sh SPEC [OPTIONS OF fslens run]
#
# mpirun takes the nodes and ranks of the allocation (one that does not know SLURM wants FSLENS_MPIRUN, see submit.sh). The
# job stops before its time limit and is requeued until all is done; after a crash it starts again by itself. OUT.h5 is
# written at each end. Where many small jobs find room sooner than a wide one, use an array: slurm/submit.sh.
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
  folder=${folder%%/many-nodes.sh*}
fi
# shellcheck source=slurm/common.sh
. "$folder/common.sh" || exit 2

say "run $((${SLURM_RESTART_COUNT:-0} + 1)) on ${SLURM_JOB_NODELIST:-$HOSTNAME}, $(date '+%F %T')"
run_campaign "$@"
