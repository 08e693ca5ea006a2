#!/usr/bin/env bash
# Every command from its command line to its exit status, on a campaign of a second.
. "$(dirname "$0")/common.sh"
spec=$root/tests/e2e/small.yaml
same() { "$PYTHON" "$root/tests/e2e/compare_results.py" "$1" "$2"; }
run() { "$FSLENS" run "$spec" --progress none "$@"; }

# ---- the command line
ends 2 "no command is a wrong command line" "$FSLENS"
ends 2 "a wrong command is one too" "$FSLENS" plna
says "did you mean 'plan'" "a wrong command is answered with the nearest"
ends 0 "--help ends with 0" "$FSLENS" --help
ends 0 "--version ends with 0" "$FSLENS" --version
ends 0 "FSLENS_ISA chooses the kernels" env FSLENS_ISA=generic "$FSLENS" --version
says "kernels generic" "and --version names them"
ends 2 "an unknown FSLENS_ISA is refused" env FSLENS_ISA=v5 "$FSLENS" run "$spec"
says "generic, v3 or v4" "and answered with what there is"
for command in run plan gather show kinds init score; do
  ends 0 "$command --help ends with 0" "$FSLENS" $command --help
  says "usage: fslens $command" "$command --help says how to use it"
  ends 2 "$command refuses an unknown option" "$FSLENS" $command --nonsense
done
for command in run plan gather show score; do
  ends 2 "$command without arguments is wrong" "$FSLENS" $command
done
ends 2 "an option without its value is wrong" run -o
ends 2 "one argument too many is wrong" "$FSLENS" plan "$spec" "$spec"
ends 2 "--group must be a power of two" run --group 3
ends 2 "--progress must be known" run --progress fancy
ends 2 "--on-error must be known" run --on-error ignore
ends 2 "a spec that is not there is wrong" "$FSLENS" plan "$here/none.yaml"
ends 2 "a spec in a folder that is not there is wrong for run" "$FSLENS" run "$here/none/none.yaml"

# ---- kinds
ends 0 "kinds lists all" "$FSLENS" kinds
for name in gmm-grid phase-retrieval moment-matched ode-heun log-snr ve sliced_w1; do says "  $name " "kinds lists $name"; done
for name in $("$FSLENS" kinds | sed -n 's/^  \([a-z0-9_-]*\) .*/\1/p'); do
  "$FSLENS" kinds "$name" >"$here/said" 2>&1 && grep -q "^$name (" "$here/said" || echo "not ok - kinds $name"
done
ends 0 "kinds NAME shows parameters" "$FSLENS" kinds pigdm
says "choices: flat, unit" "with their choices"
ends 2 "a wrong kind is refused" "$FSLENS" kinds sigma-dsp
says "did you mean 'sigma-dps'" "and answered with the nearest"

# ---- plan
for file in experiments/*.yaml; do ends 0 "plan $file" "$FSLENS" plan "$file"; done
ends 0 "plan says what is skipped" "$FSLENS" plan "$spec"
says "needs a linear forward model" "and why"
ends 0 "--set changes the plan" "$FSLENS" plan "$spec" --set replicates=1 --set 'grid.n_train=[64]'
says "12 cells" "as the spec itself would"
ends 2 "a wrong --set is refused" "$FSLENS" plan "$spec" --set grid.n_trian=[64]
says "--set:1:" "with its place"
sed 's/sigma-dps/sigma-dsp/; s/replicates: 5/replicates: none/' "$spec" >"$here/wrong.yaml"
ends 2 "a wrong spec is refused by plan" "$FSLENS" plan "$here/wrong.yaml"
says "wrong.yaml:10:24: " "with file, line and column"
says "wrong.yaml:12:13: " "all errors at once"
ends 2 "and by run" "$FSLENS" run "$here/wrong.yaml" -o "$here/wrong.h5"
[ ! -e "$here/wrong.h5" ] && [ ! -e "$here/wrong.journal" ]
report "a wrong spec leaves no files" $?

# ---- run
ends 0 "run finishes" run -o "$here/a.h5"
cp "$here/a.journal" "$here/before.journal"
cp "$here/a.h5" "$here/before.h5"
ends 0 "run again finishes" run -o "$here/a.h5"
check "nothing is computed twice" cmp "$here/before.journal" "$here/a.journal"
check "the results stay the same" same "$here/before.h5" "$here/a.h5"
ends 0 "a grid grows" run -o "$here/a.h5" --set 'grid.approximation=[fsr,sigma-dps,tmpd,zeta-dps]' -v
says "jobs were finished before" "and computes only what is new"
ends 0 "the same grid at once" run -o "$here/b.h5" --set 'grid.approximation=[fsr,sigma-dps,tmpd,zeta-dps]'
check "grown and at once are the same" same "$here/a.h5" "$here/b.h5"
ends 2 "a journal of another campaign is refused" run -o "$here/a.h5" --set seed=4
ends 0 "--fresh starts anew" run -o "$here/a.h5" --fresh
[ -s "$here/a.h5.old-1" ] && [ -s "$here/a.journal.old-1" ]
report "--fresh moves the old files aside" $?
check "a fresh run gives the same" same "$here/before.h5" "$here/a.h5"
(cd "$here" && "$FSLENS" run "$spec" -q --set replicates=1 >said 2>&1)
report "without -o the results file has the spec's name" $?
[ -s "$here/small.h5" ] && [ ! -s "$here/said" ]
report "-q says nothing" $?
other() { run -o "$here/other.h5" --set seed=4 && ! same "$here/before.h5" "$here/other.h5"; }
check "another seed gives other data" other

# ---- a journal that was cut off
head -c 20000 "$here/a.journal" >"$here/torn.journal"
ends 0 "gather makes a results file from a torn journal" "$FSLENS" gather "$here/part.h5" "$here/torn.journal"
says "missing" "and says that jobs are missing"
cp "$here/torn.journal" "$here/resumed.journal"
ends 0 "run continues a torn journal" run -o "$here/resumed.h5"
check "to the same results" same "$here/before.h5" "$here/resumed.h5"

# ---- gather
ends 0 "gather" "$FSLENS" gather "$here/gathered.h5" "$here/a.journal"
check "gathered data are those of the run" same "$here/a.h5" "$here/gathered.h5"
ends 0 "gather merges journals" "$FSLENS" gather "$here/merged.h5" "$here/torn.journal" "$here/a.journal"
check "merged data are those of the run" same "$here/a.h5" "$here/merged.h5"
ends 2 "gather refuses journals of two campaigns" "$FSLENS" gather "$here/no.h5" "$here/a.journal" "$here/other.journal"
ends 2 "gather refuses what is no journal" "$FSLENS" gather "$here/no.h5" "$spec"

# ---- show
ends 0 "show" "$FSLENS" show "$here/a.h5"
says "sliced_w1, prior bumps" "show has tables"
says "floor (exact samples)" "with floors"
says "error budget" "and the error budget"
says "rates in N" "and rates"
says "memorised" "and says what is memorised"
ends 0 "show --metric --by" "$FSLENS" show "$here/a.h5" --metric mode_weight_tv --by t
says "mode_weight_tv, prior tri" "shows that metric"
for axis in prior forward_model noise_level n_train replicate observation t; do
  ends 0 "show --by $axis" "$FSLENS" show "$here/a.h5" --by $axis
done
ends 2 "show refuses a wrong metric" "$FSLENS" show "$here/a.h5" --metric slicd_w1
says "did you mean 'sliced_w1'" "and answers with the nearest"
ends 2 "show refuses a wrong axis" "$FSLENS" show "$here/a.h5" --by n_trian
ends 2 "show refuses a file that is not there" "$FSLENS" show "$here/none.h5"
ends 2 "show refuses what is no results file" "$FSLENS" show "$here/a.journal"
ends 0 "show of an incomplete file" "$FSLENS" show "$here/part.h5"

# ---- jobs that fail: |x| = -1e160 has no evidence that can be written down
cat >"$here/failing.yaml" <<'Y'
name: failing
seed: 1
grid:
  prior: [{kind: gaussian, mean: [0], covariance: 1}]
  forward_model: [abs]
  noise_level: [0.1]
  approximation: [fsr, sigma-dps]
  n_train: [16]
observations: {kind: fixed, y: [[-1e160], [1.0]]}
sampler: {steps: 5, particles: 16}
times: [0.2]
budget: none
Y
failing() { "$FSLENS" run "$here/failing.yaml" --progress none "$@"; }
ends 3 "a failed job ends the run with 3" failing -o "$here/f.h5"
says "evidence vanishes" "its reason is said"
check "the others are done, and the reason is kept" "$PYTHON" -c "
import h5py
file = h5py.File('$here/f.h5')
status, text = file['status'][()], file['jobs/error'].asstr()[()]
assert (status[..., 1] == 1).all() and (status[..., 0] == 2).all(), status
assert any('evidence vanishes' in line for line in text)"
size=$(stat -c %s "$here/f.journal")
ends 3 "failed jobs are not run again by themselves" failing -o "$here/f.h5"
[ "$(stat -c %s "$here/f.journal")" -eq "$size" ]
report "their journal stays" $?
ends 3 "--retry-failed runs them again" failing -o "$here/f.h5" --retry-failed
[ "$(stat -c %s "$here/f.journal")" -gt "$size" ]
report "and writes down how it went" $?
ends 75 "--on-error stop leaves the rest" failing -o "$here/g.h5" --on-error stop
ends 3 "which a later run does" failing -o "$here/g.h5"
check "to the same results" same "$here/f.h5" "$here/g.h5"

# ---- score
mkdir "$here/scores"
"$PYTHON" "$root/tests/e2e/check_scores.py" "$FSLENS" "$root/tests/golden/scores.h5" "$here/scores" 2>&1
report "scores at given states agree with sixty digits" $?
states=$here/scores/tri_1d_A1-states.h5 golden=$here/scores/tri_1d_A1.yaml
ends 2 "score needs states" "$FSLENS" score "$golden" -o "$here/s.h5"
ends 2 "score refuses states that are not there" "$FSLENS" score "$golden" --states "$here/none.h5" -o "$here/s.h5"
ends 2 "score refuses states of another dimension" "$FSLENS" score "$here/scores/lin_d2_m1.yaml" --states "$states" -o "$here/s.h5"
check "score: dps has no score, float32 and a group are read, offset and scale hold" "$PYTHON" "$root/tests/e2e/check_score_files.py" \
  "$FSLENS" "$golden" "$states" "$here/scores"
