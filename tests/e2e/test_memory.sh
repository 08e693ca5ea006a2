#!/usr/bin/env bash
# What a grid takes per cell; and jobs that do not fit into what a process may take are said not to, before they start.
. "$(dirname "$0")/common.sh"
check "a grid takes at most 500 bytes per cell" \
  "$PYTHON" tests/e2e/check_memory.py "$FSLENS" "$(dirname "$FSLENS")/fill-journal" "$here"
cat "$here/said"

cat >"$here/large.yaml" <<EOF
name: large
seed: 3
grid:
  prior: [{name: tri, kind: discrete, atoms: [[-1.8, 0], [0.2, 1], [2.2, -1]]}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [fsr-direct]
  n_train: [64]
sampler: {steps: 2, particles: 8000000}
times: [0.2, 0.05]
metrics: [nonfinite_fraction]
budget: none
EOF
# limited KIND: 3 jobs of 4 GB each under `ulimit -v` or `ulimit -d` of 2 GB: each fails with what it needs.
limited() {
  ends 3 "ulimit $1: jobs that do not fit fail" \
    timeout 60 bash -c 'ulimit "$0" 2000000 && exec "$@"' "$1" "$FSLENS" run "$here/large.yaml" -o "$here/large.h5" --fresh
  says "GB on each of 1 ranks, and a rank has" "ulimit $1: what they need and what there is is said"
}
limited -v
limited -d

# A group in a group with a limit, as of a step in a job: where this machine lets us make one (version 1 or 2, as root).
group_of_memory() {
  local path
  path=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
  if [ -n "$path" ] && [ -d "/sys/fs/cgroup/memory$path" ]; then echo "/sys/fs/cgroup/memory$path"; else
    echo "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)"
  fi
}
outer="$(group_of_memory)/fslens-test-$$"
inner=$outer/inner
if mkdir -p "$inner" 2>/dev/null; then
  limit=$outer/memory.max
  [ -e "$limit" ] || limit=$outer/memory.limit_in_bytes
  if echo 150000000 2>/dev/null >"$limit" && bash -c "echo \$\$ >'$inner/cgroup.procs'" 2>/dev/null; then
    ends 3 "150 MB in a group around the process's own: jobs that do not fit fail, and nothing is killed" \
      timeout 60 bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$inner" "$FSLENS" run "$here/large.yaml" \
      -o "$here/grouped.h5"
    says "and a rank has 0.1" "what they need and what the group leaves is said"
  fi
  rmdir "$inner" "$outer"
fi
