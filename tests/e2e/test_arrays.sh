#!/usr/bin/env bash
# Arrays, growing grids, deadlines and limits: what is computed, by whom, and what is said about the rest.
. "$(dirname "$0")/common.sh"
spec=$here/small.yaml
cp "$root/tests/e2e/small.yaml" "$spec"
same() { "$PYTHON" "$root/tests/e2e/compare_results.py" "$1" "$2"; }
run() { "$FSLENS" run "$spec" --progress none "$@"; }
# results FILE...: how many results the journals hold. Frames of type 3 are counted where they stand.
results() {
  "$PYTHON" - "$@" <<'END'
import sys
print(sum(open(f, "rb").read().count(b"\x89fslJ\r\n\x1a\x01\x00\x03\x00") for f in sys.argv[1:]))
END
}

# ---- arrays
check "one process finishes" run -o "$here/plain.h5"
jobs=$(results "$here/plain.journal")
for i in 3 1 2; do check "task $i of 3 finishes" run -o "$here/a.h5" --array $i/3; done
[ ! -e "$here/a.h5" ]
report "tasks of an array write no results file" $?
[ "$(results "$here"/a.*-of-3.journal)" -eq "$jobs" ]
report "no job is computed by two tasks" $?
least=$jobs
for i in 1 2 3; do
  n=$(results "$here/a.$i-of-3.journal")
  [ "$n" -lt "$least" ] && least=$n
done
[ "$least" -gt $((jobs / 3 - 2)) ]
report "each task has its share" $?
ends 0 "gather takes some of the tasks" "$FSLENS" gather "$here/a.h5" "$here/a.3-of-3.journal" "$here/a.1-of-3.journal"
says 'no journal of task 2 of 3' "and says which is missing"
says 'missing: ' "and names jobs that are"
ends 0 "gather takes all tasks" "$FSLENS" gather "$here/a.h5" "$here"/a.*.journal
says ' 0 missing' "and misses none"
check "the same data as of one process" same "$here/plain.h5" "$here/a.h5"
ends 0 "gather takes overlap without fuss" "$FSLENS" gather "$here/b.h5" "$here/plain.journal" "$here"/a.*.journal
check "with the same data" same "$here/plain.h5" "$here/b.h5"
before=$(results "$here"/a.*.journal)
for i in 1 2 3 4 5; do check "task $i of 5 finishes where 3 were before" run -o "$here/a.h5" --array $i/5; done
[ "$(results "$here"/a.*.journal)" -eq "$before" ]
report "an array of another size computes nothing that its siblings have" $?
check "a run without --array takes over what an array has" run -o "$here/a.h5"
[ "$(results "$here"/a*.journal)" -eq "$before" ] && same "$here/plain.h5" "$here/a.h5" >/dev/null
report "computing nothing again" $?
for wrong in 0/3 4/3 3 1/x 1/3/5 -1/3 ''; do ends 2 "--array '$wrong' is refused" run -o "$here/w.h5" --array "$wrong"; done
says 'expected I/N' "and what is expected is said"

# A result that differs in one bit, behind checks that hold.
"$PYTHON" - "$here/plain.journal" "$here/forged.journal" <<'END'
import struct, sys
def crc(data):
    c = 0xffffffff
    for b in data:
        c ^= b
        for _ in range(8): c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
    return c ^ 0xffffffff
data = bytearray(open(sys.argv[1], "rb").read())
at = data.rfind(b"\x89fslJ\r\n\x1a\x01\x00\x03\x00")
size = struct.unpack_from("<Q", data, at + 16)[0]
part = struct.unpack_from("<Q", data, at + 36)[0]
data[at + 32 + 12 + part - 1] ^= 0x20  # the last double of its data part
struct.pack_into("<I", data, at + 24, crc(data[at + 32:at + 32 + size]))
struct.pack_into("<I", data, at + 28, crc(data[at:at + 28]))
open(sys.argv[2], "wb").write(data)
END
ends 2 "two results of a job that differ are refused" "$FSLENS" gather "$here/b.h5" "$here/plain.journal" "$here/forged.journal"
says ' job ' "naming the job"
says 'forged.journal' "and the journals"

# ---- gathering while the run goes on
run -o "$here/under.h5" --set replicates=20 &
going=$!
until [ -s "$here/under.journal" ]; do sleep 0.05; done
gathered=0 refused=0
while kill -0 $going 2>/dev/null && [ $gathered -lt 8 ]; do
  gathered=$((gathered + 1))
  "$FSLENS" gather "$here/partial-$gathered.h5" "$here/under.journal" >/dev/null 2>&1 || refused=$((refused + 1))
done
wait $going
[ $? -eq 0 ] && [ $gathered -gt 1 ] && [ $refused -eq 0 ]
report "gather works at any moment of a run" $?
"$PYTHON" - "$here/under.h5" "$here"/partial-*.h5 <<'END'
import h5py, numpy, sys
whole, grew = h5py.File(sys.argv[1]), []
for name in sys.argv[2:]:
    part = h5py.File(name)
    done = part["status"][()] == 1
    grew.append(done.sum())
    for metric in ("mean_error", "sliced_w1", "mode_weight_tv"):
        numpy.testing.assert_array_equal(part[metric][()][done], whole[metric][()][done])
        assert numpy.isnan(part[metric][()][~done]).all()
print(grew, whole["status"].size)
sys.exit(not (min(grew) < whole["status"].size))
END
report "each file has what was done, and nothing else" $?

# ---- the newest spec rules
cp "$here/plain.journal" "$here/n.journal"
ends 0 "a shorter grid" run -o "$here/n.h5" --set replicates=1
short=$("$FSLENS" gather "$here/n.h5" "$here/n.journal" | grep -o 'of [0-9]* jobs')
long=$("$FSLENS" gather "$here/n.h5" "$here/plain.journal" | grep -o 'of [0-9]* jobs')
[ "$short" != "$long" ] && [ "$("$FSLENS" gather "$here/n.h5" "$here/n.journal" "$here/plain.journal" | grep -o 'of [0-9]* jobs')" = "$short" ]
report "gather follows the spec that was written last, in whatever order" $?
[ "$(results "$here/n.journal")" -eq "$jobs" ]
report "a grid that shrinks keeps its records" $?

# ---- a grid that grows
grown=(--set 'grid.n_train=[16,32,64,.inf]' --set 'grid.prior=[{name: bumps, kind: gmm, weights: [0.4, 0.6], means: [[-1.0], [1.5]], covariances: [0.16, 0.36]}, {name: tri, kind: discrete, atoms: [[-1.8], [0.2], [2.2]]}, {kind: gaussian, mean: [1], covariance: 2}]')
check "a longer grid at once" run -o "$here/once.h5" "${grown[@]}"
cp "$here/plain.journal" "$here/grown.journal"
check "the same grid, grown" run -o "$here/grown.h5" "${grown[@]}"
check "gives the same data" same "$here/once.h5" "$here/grown.h5"
"$PYTHON" - "$here" <<'END'
import sys
from pathlib import Path
magic = b"\x89fslJ\r\n\x1a\x01\x00\x03\x00"
def identities(name):
    data, found, at = (Path(sys.argv[1]) / name).read_bytes(), [], -1
    while (at := data.find(magic, at + 1)) >= 0: found.append(data[at + 44:at + 60])
    return found
before, grown, once = map(identities, ("plain.journal", "grown.journal", "once.journal"))
new = grown[len(before):]
print(f"{len(before)} before, {len(new)} new, {len(once)} at once")
sys.exit(not (grown[:len(before)] == before and len(set(new)) == len(new) and set(new) == set(once) - set(before) and new))
END
report "extending n_train and adding a prior computes exactly the new jobs" $?

# ---- deadlines
ends 75 "a deadline that is over starts nothing" run -o "$here/late.h5" --deadline 0s/1h
[ "$(results "$here/late.journal")" -eq 0 ] && [ -s "$here/late.h5" ]
report "and leaves a results file" $?
ends 0 "the same without a deadline" run -o "$here/late.h5"
check "gives the same data" same "$here/plain.h5" "$here/late.h5"
ends 0 "a deadline far away changes nothing" run -o "$here/far.h5" --deadline 1h30m
SLURM_JOB_END_TIME=$(($(date +%s) + 5)) ends 75 "the end of a SLURM job is a deadline" run -o "$here/slurm.h5"
ends 2 "a deadline that is no time is refused" run -o "$here/w.h5" --deadline soon
says 'such as 3500s' "saying what is expected"
bad=${FSLENS%/fslens}/fslens-test
cat >"$here/long.yaml" <<'END'
name: long
seed: 1
grid:
  prior: [{kind: gaussian, mean: [0], covariance: 1}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [fsr, {kind: test-sleep, seconds: 30}]
  n_train: [64, 256]
sampler: {steps: 20, particles: 64}
times: [0.1]
budget: none
exclude: [{approximation: test-sleep, n_train: 256}]
END
began=$SECONDS
ends 75 "a job under way at the deadline is left" timeout 60 "$bad" run "$here/long.yaml" -o "$here/long.h5" --deadline 6s --progress none
[ $((SECONDS - began)) -le 11 ] && [ "$(results "$here/long.journal")" -gt 0 ]
report "in time, with the others done" $?
mkdir -p "$here/huge"
sed 's/steps: 20/steps: 5000000/; s/, {kind: test-sleep, seconds: 30}//; /exclude/d' "$here/long.yaml" >"$here/huge/huge.yaml"
ends 3 "jobs that can never fit into a deadline do not ask for another run" timeout 60 "$FSLENS" run "$here/huge/huge.yaml" -o "$here/huge/h.h5" --deadline 20s --progress none
says 'can never be finished within 20 s' "and are said"

mkdir -p "$here/wide"
sed -e "s/mean: \[0\]/mean: [$(printf '0, %.0s' {1..255})0]/; s/steps: 20, particles: 64/steps: 100, particles: 128/" \
  -e 's/fsr, {kind: test-sleep, seconds: 30}/tmpd/; s/\[64, 256\]/[64]/; /exclude/d; $a metrics: [mean_error]' "$here/long.yaml" >"$here/wide/wide.yaml"
ends 3 "a job of few atoms and many measurements is not started where its (m, m) systems cannot fit" timeout 60 "$FSLENS" run "$here/wide/wide.yaml" -o "$here/wide/w.h5" --deadline 12s --progress none
says 'can never be finished within 12 s' "and is said"

timeout -s KILL 1 "$FSLENS" run "$here/huge/huge.yaml" -o "$here/huge/s.h5" --progress none >/dev/null 2>&1
ends 3 "a run beside a journal that breaks off, as one under way does" timeout 60 "$FSLENS" run "$here/huge/huge.yaml" -o "$here/huge/s.h5" \
  --array 1/1 --deadline 20s --quarantine --progress none
! grep -q 'in flight' "$here/said"
report "suspects no job for it" $?
rm "$here"/huge/s.1-of-1.journal
ends 3 "a suspect that does not fit into the deadline" timeout 60 "$FSLENS" run "$here/huge/huge.yaml" -o "$here/huge/s.h5" --deadline 20s --quarantine --progress none
says 'in flight when an earlier run died: 1' "(it is one)"
[ "$(results "$here/huge/s.journal")" -gt 0 ]
report "keeps no other job waiting" $?

# ---- limits
ends 3 "a job past its time limit is recorded" timeout 60 "$bad" run "$here/long.yaml" -o "$here/limit.h5" --set limits.job_seconds=1 --progress none
says 'timed out' "as timed out"
"$PYTHON" - "$here/limit.h5" <<'END'
import h5py, sys
f = h5py.File(sys.argv[1])
status = sorted(f["jobs/status"].asstr()[:])
meanings = f["status"].attrs["flag_meanings"].split()
cells = sorted(meanings[int(i)] for i in f["status"][()].ravel())
sys.exit(not (status.count("timed_out") == 1 and cells == ["done", "done", "excluded", "timed_out"]))
END
report "in the file too" $?
ends 3 "a job larger than its memory is not started" "$FSLENS" run "$here/long.yaml" -o "$here/memory.h5" \
  --set 'grid.approximation=[fsr]' --set 'grid.n_train=[64,1000000]' --set exclude=[] --set limits.rank_bytes=20e6 --progress none
says 'it needs about' "and it is said what it needs"
exit 0
