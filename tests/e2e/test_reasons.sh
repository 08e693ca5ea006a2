#!/usr/bin/env bash
# Numbers that would be traps: an error bar of 0 over copies, a score error of rounding, samples that fit nothing.
. "$(dirname "$0")/common.sh"
cat >"$here/traps.yaml" <<'YAML'
name: traps
seed: 1
grid:
  prior:
    - {name: far, kind: gmm, means: [[-12, 3], [12, -3]], covariances: [1, 1]}
    - {name: near, kind: gmm, means: [[-1.5, 0], [1.5, 0]], covariances: [0.04, 0.04]}
  forward_model: [{name: first, kind: inpainting, keep: [0]}]
  noise_level: [0.5]
  approximation: [fsr, tmpd, dps]
  n_train: [.inf]
replicates: 3
observations: {kind: fixed, y: [[-1.4]]}
sampler: {steps: 20, particles: 256}
times: [0.15, 0.05]
metrics: [sliced_w1, score_error, mode_weight_tv]
YAML
check "a campaign of traps" "$FSLENS" run "$here/traps.yaml" -o "$here/traps.h5" -q
check "is a results file" "$PYTHON" tests/e2e/check_results.py "$here/traps.h5"
check "replicates at .inf are runs of their own" "$PYTHON" -c "
import xarray
data = xarray.open_dataset('$here/traps.h5', engine='h5netcdf')
w1 = data.sliced_w1.sel(n_train=float('inf'))
assert (w1.std('replicate') > 0).all(), w1.std('replicate')"
check "what no draw sees has no number" "$PYTHON" -c "
import xarray
data = xarray.open_dataset('$here/traps.h5', engine='h5netcdf')
words = data.score_error_reason.attrs['flag_meanings'].split()
reason = data.score_error_reason.squeeze()
assert (reason.sel(prior='far', approximation='tmpd', t=0.05) == words.index('at_rounding_level')).all(), reason
assert (reason.sel(approximation='dps') == words.index('no_score')).all(), reason
exact = data.score_error.sel(approximation='fsr')
assert (exact == 0).any() and not (exact > 0).any(), exact
small = data.score_error.where(data.score_error > 0).min()
assert not small < 1e-11, small"
ends 0 "show" "$FSLENS" show "$here/traps.h5" --metric score_error
says "  - : the method has no score; nothing but rounding was seen" "show says why under a table, once"
says "no rates in N of score_error: fewer than 3 sizes" "and why there are no rates"
check "once a table" test "$(grep -c '  - : ' "$here/said")" -eq "$(grep -c '^score_error, ' "$here/said")"
cat >"$here/far.yaml" <<'YAML'
name: far
seed: 1
grid:
  prior: [{name: gauss, kind: gaussian, mean: [0.0], covariance: 0.25}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [zeta-dps]
  n_train: [.inf]
observations: {kind: fixed, y: [[30.0]]}
sampler: {steps: 200, particles: 256}
times: [0.1, 0.05, 0.02]
metrics: [likelihood_hallucination, escape, prior_hallucination, sliced_w1]
YAML
check "samples that fit neither prior nor measurement" "$FSLENS" run "$here/far.yaml" -o "$here/far.h5" -q
check "escape where likelihood_hallucination sees nothing" "$PYTHON" -c "
import xarray
data = xarray.open_dataset('$here/far.h5', engine='h5netcdf').squeeze()
assert (data.sliced_w1 > 15).all(), data.sliced_w1
assert (data.likelihood_hallucination == 0).all(), data.likelihood_hallucination
assert (data.escape > 0.98).all() and (data.escape <= 0.99).all(), data.escape
assert (data.escape_floor <= data.escape_floor_hi).all()"
ends 0 "show of a metric without values" "$FSLENS" show "$here/far.h5" --metric prior_hallucination
says "no value in this file: the truth excludes no mode of the prior" "says why there are none"
