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
