#!/usr/bin/env bash
# The methods fail as they are known to: a part of the table; `make soak` does the whole.
. "$(dirname "$0")/common.sh"
"$PYTHON" tests/e2e/failures_table.py "$FSLENS" "$here" short
report "methods fail as an independent implementation saw them fail" $?
