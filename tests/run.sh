#!/usr/bin/env bash
# Runs every test: CMocka programs, then the scripts under tests/mpi and tests/e2e. A script prints "ok - what" or
# "not ok - what" lines. Ends with the plain line "N passed, N failed" and fails when anything did.
set -u
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
export FSLENS="$PWD/$BUILD/fslens" FSL_TEST_ROOT="$PWD" PYTHON=${PYTHON:-python3}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe OPENBLAS_NUM_THREADS=1
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export WORK="$work"

count() { # name, status, ok pattern, not ok pattern
  local good bad
  good=$(grep -cE "$3" "$work/out") bad=$(grep -cE "$4" "$work/out")
  if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ] || [ $((good + bad)) -eq 0 ]; then bad=$((bad + 1)); fi
  passed=$((passed + good)) failed=$((failed + bad))
  if [ "$bad" -gt 0 ]; then
    echo "FAILED $1 (status $2)"
    grep -vE "$3" "$work/out" | tail -40
  else
    echo "passed $1 ($good, ${SECONDS}s)"
  fi
}

for source in tests/unit/test_*.c; do
  name=$(basename "$source" .c)
  timeout 300 "$BUILD/tests/$name" >"$work/out" 2>&1
  count "$name" $? '^\[       OK \]' '^\[  FAILED  \] (test_|[a-z_]+$)'
done
for script in tests/mpi/test_*.sh tests/e2e/test_*.sh; do
  [ -e "$script" ] || continue
  timeout 600 bash "$script" >"$work/out" 2>&1
  count "$(basename "$script")" $? '^ok ' '^not ok '
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
