#!/usr/bin/env bash
# A rank that fails alone, or alone sees a stop, never leaves its group waiting.
. "$(dirname "$0")/../e2e/common.sh"
fslens=$(dirname "$FSLENS")/fslens-test # with kinds that fail

write_spec() { # FILE STEPS APPROXIMATIONS...
  local file=$1 steps=$2
  shift 2
  cat >"$file" <<EOF
name: lone
seed: 3
grid:
  prior: [{name: tri, kind: discrete, atoms: [[-1.8, 0], [0.2, 1], [2.2, -1]]}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [$*]
  n_train: [20000]
replicates: 2
sampler: {steps: $steps, particles: 64}
times: [0.2, 0.05]
budget: none
EOF
}
group() { # SECONDS SPEC OUT: five ranks, of which four share every job they can
  timeout "$1" "${mpirun[@]}" -n 5 "$fslens" run "$2" -o "$3" --progress none --group 4
}

starved="{name: first 0, kind: test-starve, rank: 0}, {name: later 1, kind: test-starve, rank: 1, when: later},
  {name: first 2, kind: test-starve, rank: 2}, {name: later 3, kind: test-starve, rank: 3, when: later}"
write_spec "$here/starved.yaml" 8 "$starved, fsr, tmpd, fsr-ancestral"
write_spec "$here/alone.yaml" 8 "fsr, tmpd, fsr-ancestral"
check "a lone process finishes" "$fslens" run "$here/alone.yaml" -o "$here/alone.h5" --progress none
ends 3 "a group whose ranks are out of memory one by one ends, with failed jobs" \
  group 90 "$here/starved.yaml" "$here/starved.h5"
check "each such job says which rank and why; the others have the bytes of a lone process" \
  "$PYTHON" "$root/tests/mpi/check_starved.py" "$here/starved.h5" "$here/alone.h5"

# The process of a rank among the descendants of a process.
rank_of() { # PID RANK
  local child
  for child in $(pgrep -P "$1"); do
    if tr '\0' '\n' <"/proc/$child/environ" 2>/dev/null | grep -qEx "(OMPI_COMM_WORLD|PMI)_RANK=$2"; then
      echo "$child"
      return
    fi
    rank_of "$child" "$2"
  done
}

# The last rank of the group alone is asked to stop, in the middle of a job of many steps.
stop_one() {
  local run status
  group 60 "$here/long.yaml" "$here/long.h5" &
  run=$!
  until [ -n "$(rank_of $run 4)" ]; do
    kill -0 $run || return 1
    sleep 0.1
  done
  sleep 2
  kill -USR1 "$(rank_of $run 4)"
  wait $run
  status=$?
  [ "$status" -eq 75 ]
}
write_spec "$here/long.yaml" 1000000 sigma-dps
check "one rank that sees a stop alone takes its group along" stop_one
