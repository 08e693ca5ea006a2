#!/usr/bin/env bash
# The results file opens in xarray with both engines, in h5py and with ncdump, and is what the contract says.
. "$(dirname "$0")/common.sh"
for spec in tests/e2e/small.yaml tests/mpi/ranks.yaml; do
  name=$(basename "$spec" .yaml)
  check "$name runs" "$FSLENS" run "$spec" -o "$here/$name.h5" -q
  check "$name: names, dimensions, coordinates and attributes in both engines" \
    "$PYTHON" tests/e2e/check_results.py "$here/$name.h5"
  ncdump -h "$here/$name.h5" >"$here/header" 2>&1
  report "$name: ncdump -h reads it" $?
  grep -q 'double sliced_w1(prior, forward_model, noise_level, approximation, n_train, replicate, observation, t)' "$here/header"
  report "$name: the dimensions in order, by name" $?
done
# n_train .inf alone, no population and one observation alone: the smallest shapes.
check "no budget, the population alone" "$FSLENS" run tests/e2e/small.yaml -o "$here/least.h5" -q --set budget=none \
  --set 'grid.n_train=[.inf]' --set replicates=1
check "is a results file too" "$PYTHON" tests/e2e/check_results.py "$here/least.h5"
# More measurements than components, and a budget of some replicates: dimensions of the root and the groups that differ.
check "a measurement longer than a state" "$FSLENS" run tests/e2e/small.yaml -o "$here/long.h5" -q \
  --set 'grid.forward_model=[{kind: linear, matrix: [[1], [2], [0.5]]}]' --set exclude=[] --set 'grid.n_train=[64,.inf]' \
  --set replicates=2
check "names its dimensions apart where they differ" "$PYTHON" tests/e2e/check_results.py "$here/long.h5"
check "single precision" "$FSLENS" run tests/e2e/small.yaml -o "$here/single.h5" -q --set precision=single \
  --set moment_tree=none --set budget=none --set replicates=1
check "what it costs stands beside the results" "$PYTHON" -c "
import xarray
error = xarray.open_dataset('$here/single.h5', engine='netcdf4').precision_error
atoms = error.sel(n_train=[64, 256, 1024, 4096], forward_model='identity', approximation=['fsr', 'sigma-dps'])
assert error.dims[-1] == 't' and (atoms > 0).all() and (atoms < 1e-3).all(), atoms"
check "all samples kept" "$FSLENS" run tests/e2e/small.yaml -o "$here/kept.h5" -q --set output.samples=all --set replicates=1 \
  --set 'grid.n_train=[64]'
check "samples have their axes" "$PYTHON" -c "
import numpy, xarray
data = xarray.open_dataset('$here/kept.h5', engine='netcdf4')
assert data.samples.dims[-3:] == ('t', 'particle', 'component'), data.samples.dims
mean = data.samples.sel(prior='bumps', forward_model='identity', approximation='fsr').mean('particle')
assert numpy.isfinite(mean).all()
assert (data.status == 1).sum() == 8, data.status"
