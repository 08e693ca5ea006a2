#!/bin/sh
# Runs the quickstart campaign on three ranks (a master and two workers) and shows its result.
set -eu
fslens=$1
out=${2:-quickstart.h5}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
${FSLENS_MPIRUN:-mpirun} --map-by :OVERSUBSCRIBE -n 3 "$fslens" run experiments/quickstart.yaml -o "$out"
"$fslens" show "$out"
echo
echo "The whole result is in $out: python3 -c \"import xarray; print(xarray.open_dataset('$out'))\""
