#!/usr/bin/env bash
# A job that crashes its rank and one that never returns: everything else is done, and the file says which and why. Stops
# reach the run through the supervisor.
. "$(dirname "$0")/common.sh"
bad=${FSLENS%/fslens}/fslens-test
cat >"$here/bad.yaml" <<'END'
name: bad-jobs
seed: 3
grid:
  prior: [{kind: gaussian, mean: [0], covariance: 1}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [fsr, sigma-dps, test-crash, test-loop, tmpd, test-nonfinite]
  n_train: [64, 256]
sampler: {steps: 50, particles: 128}
times: [0.1]
budget: none
limits: {job_seconds: 1}
exclude: [{approximation: [test-crash, test-loop, test-nonfinite], n_train: [256]}]
END
grep -vE '^(limits|exclude)' "$here/bad.yaml" | sed 's/test-[a-z]*, //g; s/, test-[a-z]*//g' >"$here/good.yaml"
# failures FILE: "reason first-word" of each job that is not done, sorted.
failures() {
  "$PYTHON" - "$1" <<'END'
import h5py, sys
jobs = h5py.File(sys.argv[1])["jobs"]
rows = zip(jobs["status"].asstr(), jobs["error"].asstr(), jobs["first_cell"].asstr())
print("; ".join(sorted(f"{cell.split(' / ')[3]} {status}: {error}" for status, error, cell in rows if status != "done")))
END
}
# same_methods FILE: what these methods got is what they get without bad company.
same_methods() {
  "$PYTHON" - "$1" "$here/good.h5" <<'END'
import sys, xarray
bad, good = (xarray.open_dataset(f, engine="h5netcdf") for f in sys.argv[1:3])
for name in good.data_vars:
    if "approximation" in good[name].dims and name != "job_index":
        xarray.testing.assert_equal(bad[name].sel(approximation=good.approximation), good[name])
END
}
wanted="test-crash failed: it was alone in flight when the run died, and in flight at a death before: set aside; \
test-loop timed_out: it ran past its limit of 1 s and could not be interrupted; \
test-nonfinite failed: every particle became infinite or NaN before the first measured time"
check "the good jobs alone" "$FSLENS" run "$here/good.yaml" -o "$here/good.h5" --progress none

for ranks in 1 3; do
  launch=()
  [ $ranks -gt 1 ] && launch=("${mpirun[@]}" -n $ranks)
  ends 3 "supervised, $ranks ranks: the campaign ends with 3" timeout 120 \
    "$bad" supervise -- "${launch[@]}" "$bad" run "$here/bad.yaml" -o "$here/bad-$ranks.h5" --progress none
  [ "$(failures "$here/bad-$ranks.h5")" = "$wanted" ]
  report "supervised, $ranks ranks: the file says which jobs failed and why" $?
  check "supervised, $ranks ranks: the others have their results" same_methods "$here/bad-$ranks.h5"
done

cat >"$here/slow.yaml" <<'END'
name: slow
seed: 3
grid:
  prior: [{kind: gaussian, mean: [0], covariance: 1}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [{kind: test-sleep, seconds: 60}]
  n_train: [64]
sampler: {steps: 50, particles: 128}
times: [0.1]
budget: none
END
# stops SIGNAL COMMAND...: the command, asked to stop once it works, ends with 75 within 5 s.
# Nothing of it is left then.
stops() {
  local signal=$1 waited=0 status began
  shift
  rm -f "$here"/slow.*journal
  "$@" >"$here/stopped" 2>&1 &
  local run=$!
  until [ -s "$here/slow.journal" ]; do
    sleep 0.05
    waited=$((waited + 1))
    [ $waited -lt 200 ] || break
  done
  sleep 1.5 # the short jobs are done, and the long one is under way
  began=$SECONDS
  kill "-$signal" $run
  wait $run
  status=$?
  echo "status $status after $((SECONDS - began)) s"
  cat "$here/stopped"
  pgrep -a -f "$here/slow.h5" && return 1
  [ $status -eq 75 ] && [ $((SECONDS - began)) -le 5 ]
}
slow=("$bad" run "$here/slow.yaml" -o "$here/slow.h5" --progress none)
for signal in USR1 TERM INT; do
  check "$signal stops one process within 5 s, with 75" stops $signal env "${slow[@]}"
done
check "USR1 to mpirun stops within 5 s, with 75" stops USR1 "${mpirun[@]}" -n 2 "${slow[@]}"
for signal in USR1 TERM; do
  check "$signal to the supervisor stops within 5 s, with 75" stops $signal \
    "$bad" supervise -- "${mpirun[@]}" -n 2 "${slow[@]}"
done
# A launcher that is a shell script, as Intel's mpirun: a signal ends the script alone, which has passed nothing on.
{
  echo '#!/bin/sh'
  printf '"%s" ' "${mpirun[@]}"
  printf '"$@"\nexit $?\n'
} >"$here/launcher"
chmod +x "$here/launcher"
rm -f "$here/slow.h5"
for signal in USR1 TERM; do
  check "$signal to the supervisor stops within 5 s, with 75, though the launcher is a script" stops $signal \
    "$bad" supervise -- "$here/launcher" -n 2 "${slow[@]}"
  [ -e "$here/slow.h5" ]
  report "$signal to the supervisor of a script leaves the results of what was done" $?
  rm -f "$here/slow.h5"
done
ends 3 "supervised by way of a script, the campaign ends with 3" timeout 120 \
  "$bad" supervise -- "$here/launcher" -n 3 "$bad" run "$here/bad.yaml" -o "$here/bad-script.h5" --progress none
[ "$(failures "$here/bad-script.h5")" = "$wanted" ]
report "supervised by way of a script, the file says which jobs failed and why" $?

# refused COMMAND...: started once, whatever time that takes.
refused() {
  local status=$1
  shift
  timeout 60 "$FSLENS" supervise -- "$@" "$FSLENS" run "$here/good.yaml" -o "$here/refused.h5" --progress none >"$here/refused" 2>&1
  [ $? -eq "$status" ] && ! grep -q 'starts again' "$here/refused"
}
check "a launcher that is not there is started once" refused 2 "$here/no-launcher" -n 2
check "a launcher with a wrong option is started once" refused 1 "${mpirun[@]}" --no-such-option -n 2
grep -q 'before the run began' "$here/refused"
report "and the supervisor says that no run began" $?

# Variables of another MPI's launcher, in a process that MPI knows nothing of.
split() { "$FSLENS" run "$here/good.yaml" -o "$here/split.h5" --progress none; }
OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_RANK=0 ends 2 "four processes of size 1 are refused" split
says "started 4 processes, but this fslens sees 1: it was built with another MPI" "and told why"
says "unset OMPI_COMM_WORLD_SIZE" "and what to do"
PMI_SIZE=4 PMI_RANK=1 ends 2 "so are those of MPICH's launcher" split
[ ! -s "$here/said" ]
report "one process speaks for all" $?
SLURM_STEP_NUM_TASKS=4 ends 2 "and those of srun without PMI" sh -c 'SLURM_TASK_PID=$$ exec "$@"' sh \
  "$FSLENS" run "$here/good.yaml" -o "$here/split.h5" --progress none
says "srun --mpi=pmix" "which are told what srun lacks"
SLURM_STEP_NUM_TASKS=4 SLURM_TASK_PID=1 SLURM_PROCID=0 SLURM_NTASKS=4 ends 0 "a command in the shell of an allocation runs" split

sed 's/test-sleep, seconds: 60/test-loop/' "$here/slow.yaml" >"$here/stuck.yaml"
stuck=("$bad" run "$here/stuck.yaml" -o "$here/slow.h5" --progress none)
check "USR1 stops one process within 5 s though its job ignores it" stops USR1 env "${stuck[@]}"
check "USR1 stops mpirun within 5 s though its job ignores it" stops USR1 "${mpirun[@]}" -n 2 "${stuck[@]}"

# A second SIGINT does not wait for a job that will not hear of the first.
interrupt_twice() {
  rm -f "$here"/slow.*journal
  "$bad" supervise -- "${stuck[@]}" >"$here/stopped" 2>&1 &
  local run=$!
  until [ -s "$here/slow.journal" ] || ! kill -0 $run; do sleep 0.05; done
  sleep 1
  kill -INT $run
  sleep 0.5
  kill -INT $run
  began=$SECONDS
  wait $run
  [ $? -eq 75 ] && [ $((SECONDS - began)) -le 1 ]
}
check "a second INT to the supervisor ends it at once" interrupt_twice

ends 2 "supervise without a run is refused" "$FSLENS" supervise -- sleep 1
says 'fslens run SPEC' "and says what it expects"
ends 2 "supervise with a wrong option of run is refused" "$FSLENS" supervise -- "$FSLENS" run x.yaml --frehs
says '--fresh' "and names the nearest"
ends 2 "a wrong spec is not started again" "$FSLENS" supervise -- "$FSLENS" run "$here/none.yaml" -o "$here/none.h5"
ends 0 "supervise of a run that is well" "$FSLENS" supervise -- "$FSLENS" run "$here/good.yaml" -o "$here/again.h5" --progress none
