#!/usr/bin/env bash
# What a first day needs to be told: specs to start from, every key, what a table leaves out, what a run does.
. "$(dirname "$0")/common.sh"
mkdir "$here/first" && cd "$here/first" || exit 1

# ---- every key of a spec
ends 0 "kinds spec" "$FSLENS" kinds spec
for key in name seed grid.n_train grid.noise_level.std observations.y sampler.time_grid sampler.steps times metrics exclude.prior output.samples \
  budget.refine limits.rank_bytes replicates precision moment_tree; do
  grep -q "^  $key: " "$here/said" || echo "not ok - kinds spec lacks $key"
done
"$FSLENS" kinds spec | "$PYTHON" -c "
import re, subprocess, sys
text = sys.stdin.read().split('\n\n')[1:]
keys = [re.match(r'  (\S+): .*\n      \S', block).group(1) for block in text]
assert len(keys) >= 40 and len(keys) == len(set(keys)), keys
for block in text:
    assert re.search(r'\n      (default: \S|required|optional)', block), block
preset = {re.match(r'  (\S+):', b).group(1): re.search(r'default: (.*)', b).group(1) for b in text if 'default: ' in b.split('\n      ', 2)[2]}
sets = [f'--set={key}={value}' for key, value in preset.items() if not key.startswith('budget.')]
open('minimal.yaml', 'w').write('''name: minimal
seed: 1
grid: {prior: [{kind: gaussian, mean: [0]}], forward_model: [abs], noise_level: [1], approximation: [fsr], n_train: [4]}
''')
plans = [subprocess.run([sys.argv[1], 'plan', 'minimal.yaml', *s], capture_output=True, text=True, check=True).stdout for s in ([], sets)]
assert plans[0] == plans[1] and len(sets) > 15, plans" "$FSLENS"
report "kinds spec: every key has help and default, and the defaults are those of a spec without them" $?

ends 0 "kinds vp" "$FSLENS" kinds vp
says "deepinv, the score-SDE code) take 0.1" "says that beta_min is another elsewhere"

# ---- specs to start from
for name in quickstart images own-data; do
  "$FSLENS" init $name >$name.yaml 2>$name.next
  report "init $name" $?
  grep -q '#' $name.yaml && grep -q "fslens plan" $name.next && grep -q "fslens show" $name.next
  report "init $name has comments, and says what to do next" $?
done
"$FSLENS" init 2>/dev/null | cmp -s - quickstart.yaml
report "init alone is the quickstart" $?
ends 0 "init quickstart is valid as it is" "$FSLENS" plan quickstart.yaml
cp "$root/experiments/data/digits.h5" images.h5
ends 0 "init images is valid with images" "$FSLENS" plan images.yaml
awk '/^cat > mine\/ring.yaml/ { inside = 1; next } /^YAML$/ { inside = 0 } inside' "$root/README.md" >readme.yaml
cmp readme.yaml own-data.yaml
report "init own-data is the README's spec" $?
sed -n "/^python3 - <<'PYTHON'$/,/^PYTHON$/p" "$root/README.md" | sed -n '2,/^PYTHON$/p' | sed '/^PYTHON$/d' >make-data.py
mkdir mine && "$PYTHON" make-data.py && cp own-data.yaml mine && "$FSLENS" plan mine/own-data.yaml >/dev/null
report "init own-data is valid with the README's files" $?
ends 2 "init of something else is wrong" "$FSLENS" init own-dta
says "did you mean 'own-data'" "and answered with the nearest"

# ---- show: replicates, methods that run at one size alone, metrics that were not asked for
cat >sizes.yaml <<'Y'
name: sizes
seed: 1
grid:
  prior: [{kind: gmm, weights: [0.4, 0.6], means: [[-1.0], [1.5]], covariances: [0.16, 0.36]}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [fsr, dps, tmpd]
  n_train: [16, 64, .inf]
replicates: 3
observations: {kind: simulated, count: 2}
sampler: {steps: 10, particles: 64}
times: [0.2, 0.1]
metrics: [sliced_w1, spread_ratio]
budget: {refine: 2}
exclude: [{approximation: dps, n_train: [16, 64]}, {approximation: tmpd, n_train: [64, .inf]}]
Y
ends 0 "a grid with holes runs" "$FSLENS" run sizes.yaml --progress none
check "metrics: [two] writes these two, their reasons and their floors" "$PYTHON" -c "
import h5py
names = {name for name, item in h5py.File('sizes.h5').items() if isinstance(item, h5py.Dataset) and item.ndim == 8}
assert names == {'sliced_w1', 'spread_ratio', 'sliced_w1_reason', 'spread_ratio_reason'}, names
floors = {name for name in h5py.File('sizes.h5') if '_floor' in name}
assert floors == {'sliced_w1_floor', 'sliced_w1_floor_hi', 'spread_ratio_floor', 'spread_ratio_floor_hi', 'spread_ratio_floor_lo'}, floors"
ends 2 "show of a metric that was not computed" "$FSLENS" show sizes.h5 --metric mmd2
says "mmd2 was not computed; computed were: spread_ratio, sliced_w1" "says so, and names those that were"
ends 0 "show by n_train" "$FSLENS" show sizes.h5
says "± is the standard error over replicates" "says what ± is"
says "dps(zeta=1)" "a lone dps shows its zeta"
says "The total is at most finite_sample + approximation + integrator + floor" "says how the budget adds up"
"$FSLENS" show sizes.h5 --metric spread_ratio | "$PYTHON" -c "
import re, sys, h5py, numpy
lines = sys.stdin.read().split('\n')
row = next(line for line in lines if line.startswith('  fsr '))
shown = [(float(a), float(b)) for a, b in re.findall(r'(\S+) ±(\S+)', row)]
v = h5py.File('sizes.h5')['spread_ratio'][0, 0, 0, 0, :, :, :, 1].mean(-1)
mean, error = v.mean(-1), v.std(-1, ddof=1) / 3 ** 0.5
assert len(shown) == 3, row
for (a, b), m, e in zip(shown, mean, error):
    assert abs(a - m) <= 0.006 * abs(m) and abs(b - e) <= 0.06 * e + 1e-12, (shown, mean, error)
budget = lines[next(i for i, line in enumerate(lines) if line.startswith('error budget')):]
floor = next(line for line in budget if line.startswith('  floor'))
numbers = [float(x) for x in floor.split()[3:]  if x != '-']
f = h5py.File('sizes.h5')['budget/sliced_w1_floor']
wanted = [x for x in f[0, 0, 0, 0, 1] if x == x]
assert len(numbers) >= 3 and numpy.allclose(numbers, wanted, rtol=6e-3), (numbers, wanted)"
report "means and standard errors are those of the file, and each part of the budget has its floor" $?
for axis in t noise_level observation; do
  ends 0 "show --by $axis" "$FSLENS" show sizes.h5 --by $axis
  says ", n_train 64" "holds the size at the largest finite one"
  says "dps(zeta=1): at n_train inf, the largest that it ran at" "a method that ran at .inf alone is shown there"
  says "tmpd(covariance=full): at n_train 16, the largest that it ran at" "one that ran at the smallest alone too"
done
ends 0 "a grid of .inf alone" "$FSLENS" run sizes.yaml --set 'grid.n_train=[.inf]' --set 'grid.approximation=[dps]' --set 'exclude=[]' -o inf.h5 --progress none
ends 0 "show of it by t" "$FSLENS" show inf.h5 --by t
says ", n_train inf" "holds the size at inf"

# ---- run: what it will do, where to, how long; what it did, and what is next
cat >small.yaml <<'Y'
name: small
seed: 1
grid:
  prior: [{kind: gaussian, mean: [0], covariance: 1}]
  forward_model: [identity, abs]
  noise_level: [0.1]
  approximation: [fsr, pigdm]
  n_train: [16, 64]
sampler: {steps: 5, particles: 16}
times: [0.2]
Y
ends 0 "a run" "$FSLENS" run small.yaml -o out.h5
says "fslens: small: 12 jobs for 6 cells; 2 cells are skipped" "says at its start what it will do"
says "finished jobs go to out.journal at once, the results in the end to out.h5" "and where to"
says "fslens: 12 jobs to do, in under a second on 1 rank" "and how long that takes"
says "fslens: wrote out.h5; next: fslens show out.h5" "and in the end the file and the next command"
ends 0 "the run again" "$FSLENS" run small.yaml -o out.h5
says "; 12 jobs were finished before; " "says what was finished before"
ends 0 "a part of an array" "$FSLENS" run small.yaml -o parts.h5 --array 1/2
says ", part 1 of 2 of 12 jobs" "says which part it is"
says "fslens gather parts.h5 parts.1-of-2.journal ..." "and what is next"
ends 0 "a run under mpirun" mpirun --map-by :OVERSUBSCRIBE -n 3 "$FSLENS" run small.yaml -o ranks.h5
says "12 jobs to do, in under a second on 2 ranks" "counts the ranks that compute"
[ "$(grep -c "12 jobs for 6 cells" "$here/said")" -eq 1 ]
report "and speaks with one voice" $?
ends 0 "-q" "$FSLENS" run small.yaml -q -o quiet.h5
[ ! -s "$here/said" ]
report "says nothing" $?

bad=${FSLENS%/fslens}/fslens-test
sed 's/, pigdm/, {kind: test-sleep, seconds: 4}/; s/, abs//; s/, 64//' small.yaml >sleeps.yaml
# A terminal has a bar: during the job of four seconds it moves although nothing is finished.
"$PYTHON" - "$bad" >bar 2>&1 <<'P'
import os, pty, sys
read = lambda fd: os.read(fd, 4096)
status = pty.spawn([sys.argv[1], "run", "sleeps.yaml"], read)
sys.exit(os.waitstatus_to_exitcode(status))
P
report "a run on a terminal" $?
[ "$(tr '\r' '\n' <bar | grep -c 'of 4 jobs done, 0 failed; [1-3] s passed')" -ge 3 ]
report "goes on speaking while a job is computed" $?
"$bad" run sleeps.yaml -o stops.h5 --set 'grid.approximation.1.seconds=30' >"$here/said" 2>&1 &
for i in $(seq 100); do grep -q "jobs to do" "$here/said" && break; sleep 0.1; done
sleep 0.3
kill -USR1 $!
wait $!
[ $? -eq 75 ]
report "a run that is stopped ends with 75" $?
says "stopped: the same command continues (" "and says how to go on"

cat >failing.yaml <<'Y'
name: failing
seed: 1
grid:
  prior: [{kind: gaussian, mean: [0], covariance: 1}]
  forward_model: [abs]
  noise_level: [0.1]
  approximation: [fsr, sigma-dps]
  n_train: [16, 32]
observations: {kind: fixed, y: [[-1e160], [-2e160], [1.0]]}
sampler: {steps: 5, particles: 16}
times: [0.2]
Y
ends 3 "a run with many failures" "$FSLENS" run failing.yaml
says "the same command with --retry-failed runs failed jobs again" "says how to try them again"
[ "$(grep -c 'jobs* failed: ' "$here/said")" -le 3 ] && grep -q '[0-9][0-9] jobs failed: .*evidence vanishes.* (first: .*abs / 0.1' "$here/said" && [ "$(grep -c 'evidence vanishes' "$here/said")" -le 4 ]
report "and groups them by reason, with a count" $?
ends 0 "show of a file with failures" "$FSLENS" show failing.h5
says "--retry-failed" "says how to try them again"
grep -q '^  [0-9]*: .*evidence vanishes.* (first: ' "$here/said"
report "and their reasons" $?

# ---- output that arrives nowhere
for words in "--help" "--version" "kinds" "kinds spec" "init" "plan small.yaml" "show out.h5" "run --help"; do
  "$FSLENS" $words >/dev/full 2>"$here/said"
  [ $? -eq 1 ] && grep -q "could not be written" "$here/said"
  report "$words >/dev/full is an error" $?
  "$FSLENS" $words >&- 2>"$here/said"
  [ $? -eq 1 ] && grep -q "could not be written" "$here/said"
  report "$words with a closed stdout is an error" $?
done
"$FSLENS" plna >&- 2>"$here/said"
[ $? -eq 2 ]
report "a wrong command is still a wrong command" $?
"$FSLENS" run small.yaml -o closed.h5 >&- 2>"$here/said" <&- && "$FSLENS" show closed.h5 >shown
report "run prints nothing, so that a closed stdout does no harm" $?

# ---- a measurement in other units
ends 0 "a plan with a y that the prior does not make" "$FSLENS" plan small.yaml --set 'observations={kind: fixed, y: [[250]]}'
says "noise standard deviations (noise level 0.1) from A(x) of any prior sample" "says how far it lies"
ends 0 "a plan with a y that it makes" "$FSLENS" plan small.yaml --set 'observations={kind: fixed, y: [[0.25]]}'
! grep -q "warning" "$here/said"
report "says nothing of it" $?
