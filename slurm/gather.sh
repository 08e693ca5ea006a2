#!/usr/bin/env bash
# Makes OUT.h5 from the journals of an array, whatever became of its tasks, and says what is missing. slurm/submit.sh makes
# it wait for the array; by hand, at any time, in a job or not:
#
#   sbatch --dependency=afterany:ARRAYJOB slurm/gather.sh OUT.h5
#   slurm/gather.sh OUT.h5
#
# It reads all journals of OUT.h5, also those of other numbers of tasks and of a run without array: what is finished counts
# wherever it was done. Variables (see submit.sh): FSLENS, FSLENS_MODULES, FSLENS_SLURM.
#SBATCH --job-name=fslens-gather
#SBATCH --ntasks=1
#SBATCH --open-mode=append
folder=${FSLENS_SLURM:-$(dirname -- "$0")}
if [ ! -r "$folder/common.sh" ]; then # SLURM runs a copy of this script; where it was is in the job's command
  folder=$(scontrol show job "$SLURM_JOB_ID" | sed -n 's/^ *Command=//p')
  folder=${folder%%/gather.sh*}
fi
# shellcheck source=slurm/common.sh
. "$folder/common.sh" || exit 2
[ $# -eq 1 ] || die "usage: slurm/gather.sh OUT.h5"
out=$1 base=${1%.h5} journals=()

load_modules
find_fslens
for path in "$base".journal "$base".*-of-*.journal; do
  [ -e "$path" ] && [[ ${path#"$base"} =~ ^(\.[0-9]+-of-[0-9]+)?\.journal$ ]] && journals+=("$path")
done
[ ${#journals[@]} -gt 0 ] || die "$out has no journal: no task has begun"
say "gathers ${#journals[@]} journals, $(date '+%F %T')"
exec "$FSLENS" gather "$out" "${journals[@]}"
