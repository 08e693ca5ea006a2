#!/usr/bin/env bash
# clang-format, cppcheck and clang-tidy over the project's own code; silent when all is well. Arguments: the compiler flags.
set -u
cd "$(dirname "$0")/.."
status=0
files=$(ls src/*/*.c src/*/*.h include/fslens/*.h tests/*/*.[ch] 2>/dev/null)
clang-format --dry-run --Werror $files || status=1
cppcheck -j2 --quiet --std=c11 --enable=warning,portability,performance --inline-suppr --suppress=missingIncludeSystem --suppress=autoVariables --suppress=invalidFunctionArg \
  --error-exitcode=1 -Iinclude -Isrc src tests/kinds || status=1
if [ "${TIDY:-1}" = 1 ]; then
  mpi=$(mpicc --showme:compile 2>/dev/null || mpicc -show | cut -d' ' -f2-)
  ls src/*/*.c tests/kinds/*.c | grep -v posterior/kernel | xargs -P 2 -n 8 sh -c 'clang-tidy --quiet "$@" -- '"$* $mpi"' 2>/dev/null' sh >/tmp/tidy.$$ || status=1
  grep -E 'warning:|error:' /tmp/tidy.$$ && status=1
  rm -f /tmp/tidy.$$
fi
exit $status
