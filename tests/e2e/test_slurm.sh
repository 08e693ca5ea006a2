#!/usr/bin/env bash
# Arrays on a real SLURM, of one node and brought up here: a task that is cancelled, one that its time limit stops and that
# is requeued, a gather of what there is, the cancelled task again, and then the same bytes as without SLURM.
# shellcheck disable=SC1091,SC2154
. "$(dirname "$0")/common.sh"
. tests/e2e/slurm_cluster.sh
why=$(missing_for_slurm | paste -sd, | sed 's/,/, /g')
[ -z "$why" ] || { echo "ok - skipped: no SLURM for the test of arrays: $why" && exit 0; }
export FSLENS=${FSLENS%/fslens}/fslens-test # the catalog with jobs that take a second and no core
export SBATCH_TIMELIMIT=10 OMPI_MCA_hwloc_base_binding_policy=none
trap 'stop_cluster; rm -rf "$here"' EXIT

# A folder and a file that a shell would take apart, and that SLURM would fill in.
place="$here/it's a \"folder\" \$(touch run-by-a-shell); 50%a"
mkdir "$place" && cd "$place" || exit 1
cat >"a grid.yaml" <<'YAML'
# $(touch run-by-a-shell) `touch run-by-a-shell`
name: naps
seed: 11
grid:
  prior:
    - {name: pair, kind: discrete, atoms: [[-1.8], [2.2]]}
    - {name: bumps, kind: gmm, means: [[-1.0], [1.5]], covariances: [0.16, 0.36]}
  forward_model: [identity]
  noise_level: [0.1, 0.3]
  approximation: [{name: nap, kind: test-sleep, seconds: 1}, fsr, sigma-dps]
  n_train: [16, 32]
replicates: 20
sampler: {steps: 8, particles: 32}
times: [0.2]
metrics: [mean_error, spread_ratio]
budget: none
YAML
cat >failing.yaml <<'YAML'
name: failing
seed: 11
grid:
  prior: [{kind: gaussian, mean: [0], covariance: 1}]
  forward_model: [identity]
  noise_level: [0.3]
  approximation: [fsr, test-nonfinite]
  n_train: [16]
sampler: {steps: 8, particles: 32}
times: [0.2]
metrics: [mean_error]
budget: none
YAML
same() { "$PYTHON" "$root/tests/e2e/compare_results.py" "$1" "$2"; }
missing() { "$PYTHON" -c "import h5py, sys; print((h5py.File(sys.argv[1])['status'][()] == 0).sum())" "$1"; }

# submit WHAT OPTIONS...: submit.sh ends well. Sets array and gather to the numbers of its jobs.
submit() {
  local what=$1
  shift
  check "$what" "$root/slurm/submit.sh" "$@"
  array=$(sed -n 's/^job \([0-9]*\): the array.*/\1/p' "$here/said")
  gather=$(sed -n 's/.*; job \([0-9]*\): then makes.*/\1/p' "$here/said")
}

over() { [ -n "$1" ] && ! squeue -h -t pending,running,completing,requeued -j "$1" 2>/dev/null | grep -q .; }
knows_its_end() { grep -E 'starts what will end before 2[0-9]{3}-' "$1"; }
has_work() { [ -e "$1" ] && [ "$(stat -c %s "$1")" -gt 4000 ]; } # a journal's head and some records
of_job() { scontrol -o show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }
said_in() { grep -qF -- "$2" "$1"; }
stop_when_working() { within 30 has_work "$1" && scancel --batch --signal=USR1 "$2"; }

start_cluster 24 || { echo "ok - skipped: SLURM does not start: $(last_words)" && exit 0; }
echo "ok - a SLURM of one node starts"
sed 's/n_train/n_trian/' failing.yaml >wrong.yaml
ends 2 "a wrong spec is refused" "$root/slurm/submit.sh" wrong.yaml
no_jobs
report "before anything is submitted" $?

# ---- a task is cancelled, another is stopped by its time limit ----
submit "an array of 4 is submitted" "a grid.yaml" 4
says "sbatch --export=ALL --array=1-4 --ntasks=1 " "the line of the array is shown"
says "sbatch --export=ALL --dependency=afterany:$array " "and that of the gather behind it"
[ -n "$array" ] || exit 1
main=$array main_gather=$gather
"${mpirun[@]}" -n 21 "$FSLENS" run "a grid.yaml" -o reference.h5 --progress none >reference.log 2>&1 &
reference=$!
check "a task works" within 30 has_work "a grid.3-of-4.journal"
check "it knows when its time is over" knows_its_end "a grid.3-of-4.log"
check "it is cancelled" scancel "${main}_3"
check "its log says that it is not requeued" within 10 said_in "a grid.3-of-4.log" "cancelled: not requeued"
check "the last task gets less time" within 10 scontrol update JobId="${main}_4" TimeLimit=1

# ---- meanwhile: what is requeued and what is not ----
export FSLENS_OUT=capped.h5 FSLENS_RESTARTS=0
submit "an array that may not be requeued is submitted" "a grid.yaml" 1 2
unset FSLENS_RESTARTS
capped=$array
FSLENS_OUT=failing.h5 submit "an array with a job that fails is submitted" failing.yaml 1 2
unset FSLENS_OUT
failing=$array
nodes=$(sbatch --parsable --ntasks=9 --output="$here/nodes.log" "$root/slurm/many-nodes.sh" "a grid.yaml" -o nodes.h5 \
  --fresh)
check "USR1 to the capped task" stop_when_working capped.1-of-1.journal "${capped}_1"
check "USR1 to a job without array" stop_when_working nodes.journal "$nodes"
check "the capped task ends" within 20 over "$capped"
check "its log says that it is not requeued" said_in capped.1-of-1.log "stopped early and not requeued"
[ "$(of_job "${capped}_1" ExitCode) $(of_job "${capped}_1" Restarts)" = "75:0 0" ]
report "it ends with 75, and once" $?
check "the gather behind it makes a file" within 20 test -e capped.h5
check "failed jobs are over" within 20 over "$failing"
[ "$(of_job "${failing}_1" ExitCode) $(of_job "${failing}_1" Restarts)" = "3:0 0" ]
report "failed jobs end with 3 and are not requeued" $?

# ---- the task that was stopped goes on, and what there is is gathered ----
check "SLURM's signal at the time limit requeues the task" within 60 said_in "a grid.4-of-4.log" "requeued, restart 1"
check "it gets its time back" within 10 scontrol update JobId="${main}_4" TimeLimit=10
check "the array ends" within 90 over "$main"
[ "$(of_job "${main}_4" Restarts) $(of_job "${main}_4" JobState)" = "1 COMPLETED" ]
report "the stopped task was restarted once and is complete" $?
[ "$(of_job "${main}_1" Restarts)$(of_job "${main}_2" Restarts)$(of_job "${main}_3" Restarts)" = 000 ]
report "no other task was restarted" $?
check "the gather ends" within 30 over "$main_gather"
check "its log counts what is missing" grep -E ' [1-9][0-9]* missing' "a grid.gather.log"
check "and names some of it" said_in "a grid.gather.log" "  missing: "
[ "$(missing "a grid.h5")" -gt 0 ]
report "the file is there, and partial" $?

# ---- the cancelled task again, by number, with more ranks ----
SBATCH_ARRAY_INX=3 submit "the cancelled task is submitted again" "a grid.yaml" 4 9
says "sbatch --export=ALL --array=3 --ntasks=9 " "by its number alone"
check "it ends" within 60 over "$array"
check "so does the gather behind it" within 30 over "$gather"
wait $reference
report "the campaign without SLURM ends well" $?
check "the file has the bytes of the campaign without SLURM" same reference.h5 "a grid.h5"
check "the job without array ends" within 60 over "$nodes"
[ "$(of_job "$nodes" Restarts) $(of_job "$nodes" JobState)" = "1 COMPLETED" ]
report "it was stopped, requeued and finished" $?
[ "$(find . -name 'nodes.*journal*' | wc -l)" -eq 1 ]
report "--fresh held for its first run alone: nothing was moved aside" $?
check "its file has the same bytes" same reference.h5 nodes.h5
[ -z "$(find "$here" -name run-by-a-shell)" ]
report "no text of a path or a spec was run by a shell" $?
