#!/usr/bin/env bash
# The truth in a results file: closed forms and quadrature against independent figures.
. "$(dirname "$0")/common.sh"
"$PYTHON" "$root/tests/e2e/check_truth.py" "$FSLENS" "$root/tests/golden/truth.h5" "$here" 2>&1
report "every truth of the golden file" $?
