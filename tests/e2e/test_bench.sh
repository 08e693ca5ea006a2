#!/usr/bin/env bash
# The benchmark itself, on small sizes: every figure is there, whatever it says; with and without NumPy.
. "$(dirname "$0")/common.sh"
build=${BUILD:-build}
cp -a "$build/bench" "$here/bench" && cp "$FSLENS" "$here/fslens"
check "the benchmark's short version runs" "$PYTHON" tools/bench/run.py "$here" short
check "it has every figure" "$PYTHON" tests/e2e/check_bench.py "$here/bench-short.json" numpy

mkdir "$here/without" "$here/without/numpy"
echo 'raise ImportError("as if it were not installed")' >"$here/without/numpy/__init__.py"
PYTHONPATH="$here/without" check "it runs without NumPy" "$PYTHON" tools/bench/run.py "$here" short scores growth means
says "left out: every comparison with numpy: numpy is not installed" "it says that NumPy's figures are left out"
check "it has what needs no NumPy" "$PYTHON" tests/e2e/check_bench.py "$here/bench-short.json"
