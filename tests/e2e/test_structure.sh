#!/usr/bin/env bash
# The project's structure: a folder includes only from folders before it, only the runner knows MPI, nothing else lies at the top.
order="base kind problem posterior approximation sampling truth metric catalog spec grid job convergence store runner commands"
report() { if [ "$2" -eq 0 ]; then echo "ok - $1"; else echo "not ok - $1"; fi; }

rank() {
  local i=0
  for folder in $order; do
    [ "$folder" = "$1" ] && { echo $i; return; }
    i=$((i + 1))
  done
  echo -1
}

bad=0
while IFS=: read -r file include; do
  case "$file" in
  include/fslens/*) from=$(basename "$file" .h) ;;
  *) from=$(echo "$file" | cut -d/ -f2) ;;
  esac
  case "$include" in
  fslens/*) to=$(basename "$include" .h) ;;
  *) to=${include%%/*} ;;
  esac
  a=$(rank "$from") b=$(rank "$to")
  if [ "$a" -lt 0 ] || [ "$b" -lt 0 ] || [ "$b" -gt "$a" ]; then
    echo "$file includes $include"
    bad=1
  fi
done < <(grep -nE '^#include "' -r src include | sed -E 's/^([^:]+):[0-9]+:#include "([^"]+)".*/\1:\2/')
report "a folder includes only from folders before it" $bad

grep -rlE '#include *<mpi\.h>' src include | grep -v '^src/runner/' && bad=1 || bad=0
report "only the runner includes mpi.h" $bad

nm -u "${BUILD:-build}/libfslens.a" 2>/dev/null | grep -E ' (MPI_|ompi_)' && bad=1 || bad=0
report "no MPI symbol below the runner" $bad

allowed='^(Makefile|README.md|LICENSE|src|include|tests|experiments|slurm|tools|\.[^/]*)$'
git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -vE "$allowed" && bad=1 || bad=0
report "the top level holds nothing else" $bad
