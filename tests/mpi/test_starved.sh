#!/usr/bin/env bash
# A job that ran out of memory on one rank is tried once on another before it counts as failed.
. "$(dirname "$0")/../e2e/common.sh"
fslens=$(dirname "$FSLENS")/fslens-test # with a kind that is out of memory where the address space is limited

write_spec() { # FILE APPROXIMATION
  cat >"$1" <<EOF
name: starved
seed: 3
grid:
  prior: [{name: tri, kind: discrete, atoms: [[-1.8, 0], [0.2, 1], [2.2, -1]]}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [$2]
  n_train: [64]
replicates: 15
sampler: {steps: 3000, particles: 64}
times: [0.2, 0.05]
metrics: [nonfinite_fraction]
budget: none
EOF
}
# Three workers, of which rank 2 may take KILOBYTES of address space.
limited() { # KILOBYTES SPEC OUT
  # shellcheck disable=SC2016
  timeout 120 mpirun --map-by :OVERSUBSCRIBE -n 4 bash -c '
    if [ "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-}}" = 2 ]; then ulimit -v "$0"; fi
    exec "$@"' "$1" "$fslens" run "$2" -o "$3" --progress none
}
attempts() { # OUT PYTHON: what must hold of the status, attempts and error of the run jobs
  "$PYTHON" -c "
import h5py, sys
jobs = h5py.File('$1')['jobs']
pairs = [(s, int(a), e) for k, s, a, e in zip(*(jobs[n].asstr()[()] if jobs[n].dtype.kind == 'O' else jobs[n][()]
         for n in ('type', 'status', 'attempts', 'error'))) if k == 'run']
print(pairs)
assert len(pairs) == 15 and $2"
}

write_spec "$here/retry.yaml" "{kind: test-starve, when: limited}"
ends 0 "jobs that ran out of memory on one rank are done on another" limited 1000000000 "$here/retry.yaml" "$here/retry.h5"
check "each of them was tried twice" attempts "$here/retry.h5" \
  "all(s == 'done' and a in (1, 2) for s, a, e in pairs) and any(a == 2 for s, a, e in pairs)"
write_spec "$here/never.yaml" "{kind: test-starve, rank: 0}"
ends 3 "jobs that run out of memory everywhere fail" limited unlimited "$here/never.yaml" "$here/never.h5"
check "after two tries" attempts "$here/never.h5" \
  "all(s == 'failed' and a == 2 and 'out of memory' in e for s, a, e in pairs)"
