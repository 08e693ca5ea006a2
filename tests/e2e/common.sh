# Shared by the scripts: lines "ok - what" and "not ok - what", a folder of one's own, the settings mpirun needs as root.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
root=${FSL_TEST_ROOT:-$PWD}
FSLENS=${FSLENS:-$root/${BUILD:-build}/fslens}
PYTHON=${PYTHON:-python3}
"$PYTHON" -c 'import h5py, numpy, xarray' 2>/dev/null || PYTHON=python3 # the first with what the checks need
here=$(mktemp -d "${WORK:-${TMPDIR:-/tmp}}/fslens-XXXXXX")
trap 'rm -rf "$here"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OPENBLAS_NUM_THREADS=1
# What starts ranks: Open MPI 4 and 5, MPICH and Intel MPI all take this option, which hydra does not need.
read -ra mpirun <<<"${FSLENS_MPIRUN:-mpirun} --map-by :OVERSUBSCRIBE"

# report WHAT STATUS
report() {
  if [ "$2" -eq 0 ]; then echo "ok - $1"; else echo "not ok - $1"; fi
}

# check WHAT COMMAND...: the command succeeds. Its output is shown when it does not.
check() {
  local what=$1
  shift
  if "$@" >"$here/said" 2>&1; then echo "ok - $what"; else
    echo "not ok - $what"
    tail -20 "$here/said"
  fi
}

# ends STATUS WHAT COMMAND...: the command ends with this status. $here/said keeps what it said.
ends() {
  local wanted=$1 what=$2 status
  shift 2
  "$@" >"$here/said" 2>&1
  status=$?
  if [ "$status" -eq "$wanted" ]; then echo "ok - $what"; else
    echo "not ok - $what (status $status, expected $wanted)"
    tail -20 "$here/said"
  fi
}

# says TEXT WHAT: the last command's output has this text.
says() {
  if grep -qF -- "$1" "$here/said"; then echo "ok - $2"; else
    echo "not ok - $2: no '$1' in"
    tail -20 "$here/said"
  fi
}
