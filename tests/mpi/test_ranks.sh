#!/usr/bin/env bash
# The same bits from any number of ranks, any size of groups, and after a stop.
. "$(dirname "$0")/../e2e/common.sh"
spec=$root/tests/mpi/ranks.yaml
same() { "$PYTHON" "$root/tests/e2e/compare_results.py" "$1" "$2"; }
ranks() { # N OUT OPTIONS...
  local n=$1 out=$2
  shift 2
  "${mpirun[@]}" -n "$n" "$FSLENS" run "$spec" -o "$out" --progress none "$@"
}

check "one process without mpirun finishes" "$FSLENS" run "$spec" -o "$here/alone.h5" --progress none
for n in 1 2 3 5; do
  check "$n ranks finish" ranks "$n" "$here/ranks-$n.h5"
  check "$n ranks give the same bytes as one process" same "$here/alone.h5" "$here/ranks-$n.h5"
done
for group in 1 2 4; do
  check "groups of $group finish" ranks 5 "$here/group-$group.h5" --group "$group"
  check "groups of $group give the same bytes" same "$here/alone.h5" "$here/group-$group.h5"
done

missing() { "$PYTHON" -c "import h5py, sys; print((h5py.File(sys.argv[1])['status'][()] == 0).sum())" "$1"; }

# A stop that was asked for: what is finished stays, and the rest follows.
stop_early() {
  (exec "${mpirun[@]}" -n 3 "$FSLENS" run "$spec" -o "$here/stopped.h5" --progress none) &
  local run=$! waited=0 status
  until [ -e "$here/stopped.journal" ] && [ "$(stat -c %s "$here/stopped.journal")" -gt 3000 ]; do
    sleep 0.02
    waited=$((waited + 1))
    [ $waited -lt 1500 ] && kill -0 $run 2>/dev/null || break
  done
  kill -USR1 $run
  wait $run
  status=$?
  [ "$status" -eq 75 ]
}
check "USR1 to mpirun stops with 75" stop_early
[ "$(missing "$here/stopped.h5")" -gt 0 ]
report "a stop leaves jobs undone" $?
check "the rest follows" ranks 3 "$here/stopped.h5"
check "stopped and continued gives the same bytes" same "$here/alone.h5" "$here/stopped.h5"
