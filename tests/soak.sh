#!/usr/bin/env bash
# Long checks: a minute of damaged specs through the loader, a hundred thousand damaged journals, the whole table of known
# failures, a million cells, a hundred rounds of kills, every single call that can fail, what jobs take beside the plan
# (half an hour). SECONDS_EACH sets the length of the first. With
# SAN=1 the build that is tested has the sanitizers.
. "$(dirname "$0")/e2e/common.sh"
for build in "$FSLENS" "${FSLENS%/fslens}-san/fslens"; do [ -x "$build" ] && fuzzed=$build; done
echo "damaged specs through $fuzzed"
ASAN_OPTIONS=detect_leaks=0 "$PYTHON" tests/e2e/fuzz_specs.py "$fuzzed" "$here" "${SECONDS_EACH:-60}"
fuzz=$?
report "no spec crashes the loader" $fuzz
"${FSLENS%/fslens}/tests/test_store_damage" 100000
damage=$?
report "what stands in a damaged journal is read, and nothing else" $damage
"$PYTHON" tests/e2e/failures_table.py "$FSLENS" "$here" full
table=$?
report "methods fail as an independent implementation saw them fail" $table
"$PYTHON" tests/e2e/check_memory.py "$FSLENS" "${FSLENS%/fslens}/fill-journal" "$here" million
million=$?
report "a million cells take less than 500 MB, and a gather 15 s" $million
KILL_ROUNDS=100 GATHER_ROUNDS=50 bash tests/e2e/test_kills.sh
kills=$?
FAULTS=0 FAULTS_RANKS=150 bash tests/e2e/test_faults.sh
faults=$?
"$PYTHON" tests/e2e/check_costs.py "${FSLENS%/fslens}/bench/costs" full
costs=$?
report "plans hold within a factor of 1.5: a grid of jobs, and the experiments shortened (on a quiet machine)" $costs
exit $((fuzz | damage | table | million | kills | faults | costs))
