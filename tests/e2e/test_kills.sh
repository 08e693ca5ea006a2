#!/usr/bin/env bash
# Nothing finished is lost, whoever is killed whenever. The seed of what fails is printed: KILLS_SEED=N repeats it.
. "$(dirname "$0")/common.sh"
status=0
mkdir "$here/campaigns" "$here/gathers"
"$PYTHON" tests/e2e/gather_kills.py "$FSLENS" "$here/gathers" "${GATHER_ROUNDS:-5}" ${KILLS_SEED:-} || status=1
"$PYTHON" tests/e2e/kill_loop.py "$FSLENS" "$here/campaigns" "${KILL_ROUNDS:-10}" ${KILLS_SEED:-} || status=1
exit $status
