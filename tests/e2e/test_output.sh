#!/usr/bin/env bash
# OUT: what may be replaced and what is refused before anything is computed, what a replaced file had, what a stop leaves.
. "$(dirname "$0")/common.sh"
same() { "$PYTHON" "$root/tests/e2e/compare_results.py" "$1" "$2"; }
cat >"$here/t.yaml" <<'Y'
name: tiny
seed: 1
grid:
  prior: [{kind: gaussian, mean: [0], covariance: 1}]
  forward_model: [{kind: linear, matrix: data.h5:/m}]
  noise_level: [0.5]
  approximation: [fsr, sigma-dps]
  n_train: [16, 32]
replicates: 3
observations: {kind: simulated, count: 2}
sampler: {steps: 5, particles: 16}
times: [0.5]
metrics: [mean_error]
budget: none
Y
"$PYTHON" - "$here" <<'P'
import h5py, numpy, sys
with h5py.File(f"{sys.argv[1]}/data.h5", "w") as file:
    file["m"] = numpy.array([[1.0]])
with h5py.File(f"{sys.argv[1]}/states.h5", "w") as file:
    file["x"], file["t"] = numpy.array([[0.1], [0.5], [0.7]]), numpy.array([0.1, 0.3, 0.3])
P
cd "$here" || exit 1
run() { "$FSLENS" run t.yaml --progress none "$@"; }
score() { "$FSLENS" score t.yaml --states states.h5 -o "$1"; }
check "a run" run -o whole.h5
cp whole.h5 results.h5
score scores.h5
mkdir things && cd things || exit 1
cp ../data.h5 ../states.h5 ../t.yaml ../whole.journal .
mkdir folder && mkfifo pipe && ln -s data.h5 link.h5 && ln -s round.h5 round.h5 && echo text >x.npy && : >empty.h5
cp ../results.h5 results.h5 && cp ../scores.h5 scores.h5
mknod device c 1 3 2>/dev/null || mkfifo device # without the right to make one
"$PYTHON" -c "import socket; socket.socket(socket.AF_UNIX).bind('socket')"
# A part of a results file that another program saved: its user's, though it keeps the attributes.
"$PYTHON" -c "
import h5py
with h5py.File('results.h5') as old, h5py.File('derived.h5', 'w') as new:
    for name in old.attrs: new.attrs[name] = old.attrs[name]
    new['mean_error'] = old['mean_error'][()]"
state() { find . -printf '%p %y %i %s %l %T@\n' | sort; }

# refused COMMAND OUT REASON: ends with 2, says why, and nothing is changed or made, computed least of all.
refused() {
  local how=$1 out=$2 reason=$3 status before
  before=$(state)
  case $how in
  run) run -o "$out" ;;
  fresh) run -o "$out" --fresh ;;
  array) run -o "$out" --array 1/2 ;;
  gather) "$FSLENS" gather "$out" ../whole.journal ;;
  score) score "$out" ;;
  ranks) ${FSLENS_MPIRUN:-mpirun} -n 3 --oversubscribe "$FSLENS" run t.yaml --progress none -o "$out" ;;
  esac >"$here/said" 2>&1 </dev/null
  status=$?
  [ $status -eq 2 ] && grep -qF -- "$reason" "$here/said" && [ "$before" = "$(state)" ]
  report "$how -o '$out' is refused: $reason" $?
  [ $status -eq 2 ] || { echo "status $status" && tail -3 "$here/said"; }
}
for how in run fresh array gather score; do
  refused $how '' 'the name of OUT is empty'
  refused $how folder 'this is a folder'
  refused $how folder/ 'this names a folder'
  refused $how pipe 'this is a pipe'
  refused $how device "this is a $([ -p device ] && echo pipe || echo device)"
  refused $how socket 'this is a socket'
  refused $how round.h5 'choose another OUT'
  refused $how link.h5 'is not'
  refused $how x.npy 'is not'
  refused $how empty.h5 'is not'
  refused $how data.h5 'is not'
  refused $how derived.h5 'is not'
  refused $how none/x.h5 "there is no folder none; make it (mkdir -p none)"
  refused $how x.npy/x.h5 'choose another OUT'
  refused $how whole.journal 'ends in .journal'
  refused $how new.journal 'ends in .journal'
done
for how in run fresh array gather; do refused $how scores.h5 'is not a results file'; done
for how in run fresh array score; do refused $how t.yaml 'this is t.yaml, which is read'; done
refused score results.h5 'is not a file of scores'
refused score states.h5 'this is states.h5, which is read'
refused ranks x.npy 'is not'
refused ranks none/x.h5 'there is no folder'
refused ranks whole.journal 'ends in .journal'
before=$(state)
ends 2 "gather without OUT is refused" "$FSLENS" gather whole.journal whole.journal
ends 2 "so it is with many journals" "$FSLENS" gather *.journal ../whole.journal
[ "$before" = "$(state)" ]
report "and the journals stay" $?
# A results file may be a data file of the spec as well.
cp ../results.h5 both.h5
"$PYTHON" -c "import h5py; h5py.File('both.h5', 'a')['m'] = [[1.0]]"
sed 's/data.h5/both.h5/' ../t.yaml >both.yaml
before=$(state)
ends 2 "the spec's data file is refused, results file or not" "$FSLENS" run both.yaml --progress none
says 'this is both.h5, which is read' "with the reason"
[ "$before" = "$(state)" ]
report "and it stays" $?
mkdir lies.journal
ends 2 "a folder in the place of the journal is refused" run -o lies.h5
says 'lies.journal: this is a folder' "with the reason"
rmdir lies.journal
cd .. || exit 1

# ---- names that are too long
mkdir long
accepted=0 refused=0 other=0
for length in 150 $(seq 195 4 255); do
  name=long/$(printf 'a%.0s' $(seq $((length - 3)))).h5
  run -q -o "$name" >said 2>&1
  case $? in
  0) accepted=$((accepted + 1)) && [ -s "$name" ] || other=$((other + 1)) ;;
  2) refused=$((refused + 1)) && grep -q 'too long' said && ! compgen -G "${name%.h5}*" >/dev/null || other=$((other + 1)) ;;
  *) other=$((other + 1)) ;;
  esac
done
[ $accepted -gt 1 ] && [ $refused -gt 1 ] && [ $other -eq 0 ]
report "a name is either short enough for all, or refused at the start ($accepted, $refused, $other)" $?
name=long/$(printf 'b%.0s' $(seq 240)).h5
ends 2 "the same with --array" run -o "$name" --array 1/2
says 'too long' "with the reason"
ends 2 "the same for gather" "$FSLENS" gather "$name" whole.journal
ends 2 "the same for score" score "$name"

# ---- folders that refuse: root is never refused
if [ "$(id -u)" -eq 0 ] && chmod 755 . && mkdir -m 755 closed && mkdir -m 1777 sticky && cp results.h5 sticky/ &&
  setpriv --reuid=65534 --clear-groups test -x "$FSLENS" -a -r t.yaml 2>/dev/null; then
  nobody() { setpriv --reuid=65534 --clear-groups "$@"; }
  for command in run "run --array=1/2" score; do
    out=closed/x.h5
    case $command in
    score) ends 2 "$command into a folder that refuses" nobody "$FSLENS" score t.yaml --states states.h5 -o $out ;;
    *) ends 2 "$command into a folder that refuses" nobody "$FSLENS" ${command/ / } t.yaml --progress none -o $out ;;
    esac
    says 'files cannot be written into its folder' "says so"
  done
  ends 2 "gather into a folder that refuses" nobody "$FSLENS" gather closed/x.h5 whole.journal
  ends 2 "a file that only another user may replace" nobody "$FSLENS" run t.yaml --progress none -o sticky/results.h5
  says "this file is another user's" "says so"
  cmp -s results.h5 sticky/results.h5 && [ -z "$(ls -A closed)" ] && [ "$(ls sticky)" = results.h5 ]
  report "and nothing is changed" $?
else
  echo "skipped - folders that refuse: no right to become nobody"
fi

# ---- what may be replaced
gzip -dc "$root/tests/golden/old-results.h5.gz" >old.h5
ends 0 "a results file of an older version is replaced" run -o old.h5
check "with the new results" same whole.h5 old.h5
gzip -dc "$root/tests/golden/old-scores.h5.gz" >old-scores.h5
ends 0 "a file of scores of an older version is replaced" score old-scores.h5
mkdir far
cp results.h5 far/target.h5
ln -s far/target.h5 near.h5 && ln -s near.h5 nearer.h5 && ln -s far/later.h5 dangling.h5
ends 0 "a link is followed" run -o nearer.h5 --set replicates=2
[ -L nearer.h5 ] && [ -L near.h5 ] && ! cmp -s results.h5 far/target.h5
report "it stays, and its target is replaced" $?
ends 0 "a link to a new file is followed" run -o dangling.h5
[ -L dangling.h5 ] && same whole.h5 far/later.h5 >/dev/null
report "it stays, and its target is made" $?
ends 0 "--fresh through a link" run -o dangling.h5 --fresh
[ -L dangling.h5 ] && same whole.h5 far/later.h5 >/dev/null && same whole.h5 far/later.h5.old-1 >/dev/null
report "moves the target aside" $?
ln -s far/scores.h5 s.h5 && cp scores.h5 far/
ends 0 "score follows a link" score s.h5
[ -L s.h5 ] && [ -s far/scores.h5 ]
report "and it stays" $?
[ -z "$(find . -name '*.tmp-*')" ]
report "nothing is left beside" $?

# Damaged results files: no crash, and either replaced (0) or left alone (2).
"$PYTHON" - "$FSLENS" <<'P'
import pathlib, random, subprocess, sys
whole, bad, seen = pathlib.Path("results.h5").read_bytes(), 0, set()
draw = random.Random(1)
for i in range(60):
    data = bytearray(whole)
    if i % 3 == 0:
        data = data[: draw.choice([7, 8, 48, 96, 512, 4096, len(data) // 2, len(data) - 1, draw.randrange(len(data))])]
    else:
        for _ in range(draw.choice([1, 8, 64])):
            data[draw.randrange(min(len(data), 8192 if i % 3 == 1 else len(data)))] = draw.randrange(256)
    path = pathlib.Path("damaged.h5")
    path.write_bytes(data)
    done = subprocess.run([sys.argv[1], "gather", path, "whole.journal"], capture_output=True, text=True, timeout=90)
    seen.add(done.returncode)
    if done.returncode not in (0, 2) or (done.returncode == 2 and path.read_bytes() != bytes(data)):
        print(i, done.returncode, done.stderr)
        bad += 1
sys.exit(bad > 0 or seen != {0, 2})
P
report "damaged results files do no harm" $?

# ---- a smaller grid
mkdir small && cd small || exit 1
cp ../data.h5 . && cp ../t.yaml "it's t.yaml"
small() { "$FSLENS" run "it's t.yaml" -o o.h5 --progress none "$@"; }
check "a grid" small
cp o.h5 before.h5
ends 0 "a smaller one" small --set replicates=1 --set grid.n_train=[16]
says 'o.h5 had 24 finished cells of 24, and now has 4 of 4' "what the file had and has is said"
says 'They stay in o.journal' "and where the rest is"
command=$(sed -n 's/.*`\(fslens run .*\)` brings them back.*/\1/p' "$here/said")
size=$(stat -c %s o.journal)
ends 0 "gather of its journal" "$FSLENS" gather o.h5 o.journal
says 'the journals hold 30 more results' "says that it holds more"
says "fslens run '$here/small/it'\\''s t.yaml' -o o.h5" "and how to have them"
back() { (export PATH="${FSLENS%/*}:$PATH" && eval "$1" --progress none); }
ends 0 "the way back: $command" back "$command"
check "brings all back" same before.h5 o.h5
[ "$(grep -c 'finished cells' "$here/said")" -eq 0 ]
report "without a word of loss" $?
[ "$(stat -c %s o.journal)" -lt $((size + 2000)) ]
report "computing nothing" $?
ends 0 "another smaller one" small --set replicates=2
ends 0 "and one beside it" small --set replicates=1 --set 'grid.n_train=[16, 64]'
says '--set replicates=2' "the way back has the options that made the file"
check "it works" back "$(sed -n 's/.*`\(fslens run .*\)` brings them back.*/\1/p' "$here/said")"
check "to the same" "$PYTHON" -c "
import h5py
assert (h5py.File('o.h5')['status'][()] == 1).sum() == 16"
check "the whole grid again" small
! grep -q 'finished cells' "$here/said"
report "a grid that grows has no loss to report" $?
rm o.journal
ends 0 "a smaller grid without the journal" small --set replicates=1
says 'so the older file is kept as o.h5.old-1' "keeps the older file"
check "as it was" same before.h5 o.h5.old-1
cd .. || exit 1

# ---- journals of different specs, and clocks that differ
mkdir tasks && cd tasks || exit 1
cp ../data.h5 ../t.yaml .
check "task 1" run -o o.h5 --array 1/2
ends 0 "gather of one spec" "$FSLENS" gather g.h5 o.1-of-2.journal
! grep -q 'different specs' "$here/said"
report "has nothing to warn of" $?
check "task 2 of another spec" run -o o.h5 --array 2/2 --set replicates=2
ends 0 "gather of both" "$FSLENS" gather g.h5 o.1-of-2.journal o.2-of-2.journal
says 'hold different specs: the one of o.2-of-2.journal' "says which rules"
says 'different is that of o.1-of-2.journal' "and which differ"
# The first task's clock was a day ahead.
"$PYTHON" - "$root" <<'P'
import pathlib, struct, sys
sys.path.insert(0, sys.argv[1] + "/tests/e2e")
import journal
path = pathlib.Path("o.1-of-2.journal")
data = bytearray(path.read_bytes())
for block in list(journal.blocks(bytes(data))):
    if block.type != journal.SPEC: continue
    at = block.begin + journal.FRAME.size
    struct.pack_into("<Q", data, at, struct.unpack_from("<Q", data, at)[0] + 86400 * 10**9)
    struct.pack_into("<I", data, at - 8, journal.crc32c(data[at:block.end]))
    struct.pack_into("<I", data, at - 4, journal.crc32c(data[block.begin:at - 4]))
path.write_bytes(data)
P
ends 0 "a run where the clock is behind" run -o o.h5 --array 2/2 --set replicates=1
says 'the clock went back: the spec in o.1-of-2.journal is dated' "says so"
ends 0 "gather of both" "$FSLENS" gather g.h5 o.1-of-2.journal o.2-of-2.journal
says 'hold different specs: the one of o.2-of-2.journal' "follows the run that came last"
says 'o.1-of-2.journal: the clock went back' "and says whose clock was ahead"
cd .. || exit 1

# ---- score: what it says of itself, and what a stop leaves
check "scores have their schedule and provenance" "$PYTHON" -c "
import h5py, numpy, xarray
file = h5py.File('scores.h5')
t, b0, b1 = numpy.array([0.1, 0.3, 0.3]), 0.01, 20.0
abar = numpy.exp(-b0 * t - (b1 - b0) * t**2 / 2)
assert numpy.allclose(file['a'], numpy.sqrt(abar), rtol=1e-14, atol=0), file['a'][()]
assert numpy.allclose(file['v'], 1 - abar, rtol=1e-14, atol=0)
assert dict(file['schedule'].attrs) == {'kind': 'vp', 'beta_min': b0, 'beta_max': b1}
about = file['provenance'].attrs
assert about['spec'] == open('t.yaml').read() and about['command'] == 'fslens score t.yaml --states states.h5 -o scores.h5'
with h5py.File('results.h5') as results: assert set(about) == set(results['provenance'].attrs)
data = xarray.open_dataset('scores.h5')
assert data.a.dims == ('state',) and data.posterior_score.dims[-2:] == ('state', 'component')"
"$FSLENS" score t.yaml --states states.h5 -o ve.h5 --set 'diffusion={kind: ve, sigma_max: 10}'
check "those of another diffusion too" "$PYTHON" -c "
import h5py, numpy
file = h5py.File('ve.h5')
assert dict(file['schedule'].attrs) == {'kind': 've', 'sigma_min': 0.01, 'sigma_max': 10.0}
assert numpy.allclose(file['v'], (0.01 * 1000 ** file['t'][()])**2, rtol=1e-13) and (file['a'][()] == 1).all()"
"$PYTHON" -c "
import h5py, numpy
with h5py.File('many.h5', 'w') as file:
    file['x'], file['t'] = numpy.linspace(-1, 1, 40000)[:, None], numpy.full(40000, 0.2)"
slow=(--set 'grid.n_train=[200000]' --set replicates=100 --set moment_tree=none)
for signal in TERM INT USR1; do
  # A shell without job control lets its children ignore SIGINT.
  "$PYTHON" -c "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])" \
    "$FSLENS" score t.yaml --states many.h5 -o stopped.h5 "${slow[@]}" >said 2>&1 &
  going=$!
  until compgen -G 'stopped.h5.tmp-*' >/dev/null || ! kill -0 $going 2>/dev/null; do sleep 0.05; done
  compgen -G 'stopped.h5.tmp-*' >/dev/null
  begun=$?
  began=$SECONDS
  kill -$signal $going
  wait $going
  status=$?
  [ $begun -eq 0 ] && [ $status -eq 75 ] && [ $((SECONDS - began)) -le 5 ] && ! compgen -G 'stopped.h5*' >/dev/null
  report "score that is stopped by SIG$signal leaves nothing (status $status)" $?
done
"$FSLENS" score t.yaml --states many.h5 -o stopped.h5 "${slow[@]}" >said 2>&1 &
going=$!
until compgen -G 'stopped.h5.tmp-*' >/dev/null || ! kill -0 $going 2>/dev/null; do sleep 0.05; done
kill -KILL $going
wait $going 2>/dev/null
compgen -G 'stopped.h5.tmp-*' >/dev/null && score stopped.h5 && [ "$(compgen -G 'stopped.h5*')" = stopped.h5 ]
report "what a killed one left is removed by the next" $?
exit 0
