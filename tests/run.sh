#!/usr/bin/env bash
# Runs every test, two at a time: CMocka programs, then the scripts under tests/mpi and tests/e2e. A script prints
# "ok - what" or "not ok - what" lines; FSLENS_MPIRUN (default: mpirun) starts their ranks. Ends with the plain line "N passed, N failed" and fails when anything did.
# Where FSLENS_ISA is not set, what rests on the kernels runs once more on each other instruction set that the machine has.
set -u
cd "$(dirname "$0")/.."
BUILD=$(realpath -m "${BUILD:-build}")
export BUILD FSLENS="$BUILD/fslens" FSL_TEST_ROOT="$PWD" PYTHON=${PYTHON:-python3}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe OPENBLAS_NUM_THREADS=1
passed=0 failed=0
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export WORK

# run FILE[@ISA]: its output and status into $WORK.
run() {
  local file=${1%@*} name
  name=$(basename "$file" .c)
  [ "$file" = "$1" ] || export FSLENS_ISA=${1#*@}
  case $file in
  *.c) timeout 300 "$BUILD/tests/$name" ;;
  *) timeout 900 bash "$file" ;;
  esac >"$WORK/$(basename "$1").out" 2>&1
  echo "$?" >"$WORK/$(basename "$1").status"
  echo "ran $name${FSLENS_ISA:+ on $FSLENS_ISA} (${SECONDS} s)"
}
export -f run

# count FILE[@ISA]: adds up what it printed, and shows it where something failed.
count() {
  local name good bad status right='^ok ' wrong='^not ok '
  name=$(basename "$1")
  case $1 in *.c | *.c@*) right='^\[       OK \]' wrong='^\[  FAILED  \] (test_|[a-z_]+$)' ;; esac
  read -r status <"$WORK/$name.status"
  good=$(grep -cE "$right" "$WORK/$name.out") bad=$(grep -cE "$wrong" "$WORK/$name.out")
  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ] || [ $((good + bad)) -eq 0 ]; then bad=$((bad + 1)); fi
  passed=$((passed + good)) failed=$((failed + bad))
  [ "$bad" -eq 0 ] && return
  echo "FAILED $name (status $status)"
  grep -vE "$right" "$WORK/$name.out" | tail -40
}

# The instruction set that runs is the best: the last one that --version does not refuse.
other_isas() {
  local isa found=()
  for isa in generic v3 v4; do
    FSLENS_ISA=$isa "$FSLENS" --version >/dev/null 2>&1 && found+=("$isa")
  done
  echo "${found[@]:0:${#found[@]}-1}"
}

"$FSLENS" --version || exit 2
tests=(tests/unit/test_*.c tests/mpi/test_*.sh tests/e2e/test_*.sh)
if [ -z "${FSLENS_ISA+set}" ]; then
  for isa in $(other_isas); do
    for file in tests/unit/test_{posterior,approximation,sampling,truth,metric,job}_*.c; do tests+=("$file@$isa"); done
  done
fi
printf '%s\0' "${tests[@]}" | xargs -0 -P 2 -I '{}' bash -c 'run "$1"' run '{}'
for file in "${tests[@]}"; do count "$file"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
