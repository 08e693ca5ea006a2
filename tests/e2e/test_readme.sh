#!/usr/bin/env bash
# Every command of the README, in order, in a copy of the project with fslens built. `make demo` and `make test` are what
# runs all this, so they are left out.
. "$(dirname "$0")/common.sh"
build=$(dirname "$FSLENS")
copy=$here/copy
mkdir "$copy"
tar -c --exclude=.git --exclude='./build*' . | tar -x -C "$copy"
name=build
case "$build" in *-san) name=build-san SAN=1 && export SAN ;; esac
cp -a "$build" "$copy/$name" && ln -sfn $name "$copy/build-link" && [ $name = build ] || ln -sfn $name "$copy/build"

awk '/^```sh$/ { inside = 1; n++; next } /^```$/ { inside = 0 } inside { print > (folder "/block-" n ".sh") }' folder="$here" README.md
mkdir "$here/bin"
ln -s "$(command -v "$PYTHON")" "$here/bin/python3"
blocks=$(ls "$here"/block-*.sh | sort -t- -k2 -V | wc -l)
[ "$blocks" -ge 6 ]
report "the README has commands to try" $?
for i in $(seq 1 "$blocks"); do grep -vE '^make (demo|test)\b' "$here/block-$i.sh"; done >"$here/all.sh"
{
  echo "set -eu"
  echo "export PATH=\"$here/bin:\$PATH\""
  for i in $(seq 1 "$blocks"); do
    grep -vE '^make (demo|test)\b' "$here/block-$i.sh"
    echo "echo 'ok - block $i of the README'"
  done
} >"$here/all.sh"
(cd "$copy" && env -u BUILD bash "$here/all.sh") >"$here/said" 2>&1
status=$?
grep '^ok - ' "$here/said"
[ $status -eq 0 ] || tail -25 "$here/said"
report "every command of the README works" $status
