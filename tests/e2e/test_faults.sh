#!/usr/bin/env bash
# Every call of the system and of the allocator fails once: about FAULTS points of each series are tried alone and
# FAULTS_RANKS under mpirun (0: all of them). The seed of what fails is printed: FAULTS_SEED=N repeats it. Then disks that are full for real, journals that disappear, and
# two runs at once.
. "$(dirname "$0")/common.sh"
faulty=${FSLENS%/fslens}/fslens-faults
status=0

# What our own objects call and can fail is what the fault program stands before: nothing else is left out unseen.
can_fail=' U (malloc|calloc|realloc|aligned_alloc|posix_memalign|strdup|strndup|asprintf|realpath|opendir|pthread_create|open|openat|creat|close|read|pread|readv|write|pwrite|writev|pwritev|fcntl|flock|ftruncate|fsync|fdatasync|sync_file_range|rename|renameat|mkstemp)(64)?$'
nm -u "${FSLENS%/fslens}"/libfslens.a "${FSLENS%/fslens}"/src/{runner,commands}/*.o | grep -E "$can_fail" | sed 's/.* U //' | sort -u >"$here/called"
nm "${FSLENS%/fslens}"/tests/faults/faults.o | sed -n 's/.* T __wrap_//p' | sort -u >"$here/wrapped"
unseen=$(comm -23 "$here/called" "$here/wrapped" | tr '\n' ' ')
[ -s "$here/called" ] && [ -z "$unseen" ]
report "every call that can fail is made to fail${unseen:+: not $unseen}" $?

mkdir "$here/loops" "$here/cases"
# The cases mostly wait for each other. Mounts of their own, where that is allowed: they go with the script.
apart=
for try in "unshare -m" "unshare -rm"; do [ -z "$apart" ] && $try true 2>/dev/null && apart=$try; done
$apart "$PYTHON" tests/e2e/fault_cases.py "$FSLENS" "$faulty" "$here/cases" >"$here/cases.out" 2>&1 &
"$PYTHON" tests/e2e/fault_loop.py "$FSLENS" "$faulty" "$here/loops" "${FAULTS:-4}" "${FAULTS_RANKS:-5}" ${FAULTS_SEED:-} || status=1
wait $! || status=1
cat "$here/cases.out"
exit $status
