#!/usr/bin/env bash
# Data files: results follow the values that were read, wherever those lie; what cannot be read says so; ranks that read
# different files are found out; a stop and a limit reach the reading.
. "$(dirname "$0")/common.sh"
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
launch=${FSLENS_MPIRUN:-mpirun}
cat >"$here/make.py" <<'EOF'
import gzip, os, struct, sys
import h5py, numpy
what, seed = sys.argv[1], int(sys.argv[2])
x = numpy.random.default_rng(seed).integers(0, 200, (60, 4, 4)).astype('u1')
if what == 'formats':
    numpy.save('a.npy', x)
    numpy.save('half.npy', x.astype('f2'))
    numpy.savez('stored.npz', x=x)
    numpy.savez_compressed('packed.npz', pictures=x.astype('f4'), label=numpy.arange(60) % 3)
    numpy.savetxt('a.csv', x.reshape(60, 16), delimiter=',')
    with gzip.open('a.idx.gz', 'wb') as f: f.write(struct.pack('>HBBIII', 0, 8, 3, *x.shape) + x.tobytes())
    with h5py.File('a.h5', 'w') as f:
        f['x'] = x / 4 - 1.0
        f['x'].attrs['scale'], f['x'].attrs['offset'] = 4.0, 4.0
        f['label'] = numpy.arange(60) % 3
elif what == 'target':
    x.astype('f8').tofile('raw.bin')
    with h5py.File('target.h5', 'w') as f: f['x'] = x
elif what == 'links':
    with h5py.File('external.h5', 'w') as f: f['x'] = h5py.ExternalLink('target.h5', '/x')
    with h5py.File('storage.h5', 'w') as f: f.create_dataset('x', x.shape, 'f8', external=[(os.path.abspath('raw.bin'), 0, h5py.h5f.UNLIMITED)])
    layout = h5py.VirtualLayout(x.shape, 'u1')
    layout[...] = h5py.VirtualSource('target.h5', 'x', x.shape)
    with h5py.File('virtual.h5', 'w') as f: f.create_virtual_dataset('x', layout)
elif what == 'bomb':
    with h5py.File('bomb.h5', 'w') as f:
        f.create_dataset('x', (seed, 1000), 'u1', chunks=(10000, 1000), compression='gzip')
EOF
make_files() { (cd "$here" && "$PYTHON" make.py "$@"); }
spec() { # spec NAME FILE [SAMPLES]
  cat >"$here/$1.yaml" <<EOF
name: $1
seed: 1
grid:
  prior: [{kind: dataset, file: $2, samples: ${3:-x}}]
  forward_model: [identity]
  noise_level: [20]
  approximation: [fsr]
  n_train: [8]
sampler: {steps: 3, particles: 8}
times: [0.5]
metrics: [mean_error]
budget: none
EOF
}
identities() { "$PYTHON" -c "
import h5py, sys
print(sorted(h5py.File('$1')['jobs/identity'].asstr()[:].tolist()))" 2>"$here/why" || cat "$here/why"; }

# The same values are the same work, whatever file they come from.
make_files formats 1
spec npy a.npy
check "samples in .npy" "$FSLENS" run "$here/npy.yaml" -o "$here/npy.h5" -q
of_npy=$(identities "$here/npy.h5")
report "its jobs have identities" "$([[ $of_npy == *,* ]] && echo 0 || echo 1)"
for pair in half.npy:x stored.npz:x packed.npz:pictures a.csv:x a.idx.gz:x a.h5:x; do
  file=${pair%%:*}
  name=$(echo "$file" | tr . -)
  spec "$name" "$file" "${pair##*:}"
  "$FSLENS" run "$here/$name.yaml" -o "$here/out-$name.h5" -q >"$here/said" 2>&1
  [ "$(identities "$here/out-$name.h5")" = "$of_npy" ]
  report "the same samples in $file are the same jobs" $?
done
for file in a.h5:x packed.npz:pictures; do
  spec labelled "${file%%:*}" "${file##*:}"
  sed -i 's/samples:/labels: label, samples:/' "$here/labelled.yaml"
  check "labels in ${file%%:*}" "$FSLENS" plan "$here/labelled.yaml"
done

# Values that lie elsewhere: rewritten there, computed anew; untouched, not.
make_files target 1
make_files links 1
for kind in external storage virtual; do
  make_files target 1
  spec $kind $kind.h5
  "$FSLENS" run "$here/$kind.yaml" -o "$here/out-$kind.h5" -q >"$here/said" 2>&1
  old=$(identities "$here/out-$kind.h5")
  "$FSLENS" run "$here/$kind.yaml" -o "$here/out-$kind.h5" -q >"$here/said" 2>&1
  again=$(identities "$here/out-$kind.h5")
  make_files target 2
  "$FSLENS" run "$here/$kind.yaml" -o "$here/out-$kind.h5" -q >"$here/said" 2>&1
  new=$(identities "$here/out-$kind.h5")
  [[ $old == "$again" && $old == "$of_npy" && $new != "$old" && $new == *,* ]]
  report "$kind: a rewritten target is other work, an untouched one is not" $?
done
rm "$here/target.h5" "$here/raw.bin"
ends 2 "external storage without its file is refused" "$FSLENS" plan "$here/storage.yaml"
says "raw.bin" "and says which file is missing"
ends 2 "a virtual dataset without its source is refused" "$FSLENS" plan "$here/virtual.yaml"
says "target.h5" "and says which file is missing"
ends 2 "an external link to nowhere is refused" "$FSLENS" plan "$here/external.yaml"
says "is an external link to '/x' in the file target.h5" "and called what it is"

# An image prior's shape reaches the forward models.
spec image a.idx.gz
sed -i 's/\[identity\]/[{kind: blur, width: 3}, {kind: downsampling, factor: 2}]/' "$here/image.yaml"
check "blur and downsampling of images" "$FSLENS" run "$here/image.yaml" -o "$here/image.h5" -q
spec flat a.csv
sed -i 's/\[identity\]/[{kind: blur, width: 3, shape: [4, 4]}, {kind: downsampling, factor: 2, shape: [4, 4]}]/' "$here/flat.yaml"
check "with the shape written out" "$FSLENS" run "$here/flat.yaml" -o "$here/flat.h5" -q
[ "$(identities "$here/image.h5")" = "$(identities "$here/flat.h5")" ]
report "both are the same work" $?

# Limits and stops.
make_files bomb 200000
spec bomb bomb.h5
ends 2 "what unpacks to more than limits.rank_bytes is refused" "$FSLENS" plan "$here/bomb.yaml" --set limits.rank_bytes=1e8
says "200000000 values take 1600 MB of memory, and a rank has 100 MB" "with the numbers"

# Ranks that read different files.
mkdir "$here/one" "$here/two"
(cd "$here/one" && "$PYTHON" ../make.py formats 1)
(cd "$here/two" && "$PYTHON" ../make.py formats 2)
cp "$here/npy.yaml" "$here/one/"
cp "$here/npy.yaml" "$here/two/"
in_folder() { echo "cd '$here/$1' && exec '$FSLENS' run npy.yaml -o out.h5 -q"; }
ends 2 "two ranks with two files are refused" timeout 60 $launch -n 1 sh -c "$(in_folder one)" : -n 1 sh -c "$(in_folder two)"
says "a.npy, x: rank 1 on " "with the file, the rank and its host"
rm "$here/two/a.npy"
ends 2 "a rank without the file ends the run" timeout 60 $launch -n 1 sh -c "$(in_folder one)" : -n 1 sh -c "$(in_folder two)"
says "there is no readable file a.npy" "with the file"
says "rank 1 on " "and the rank"
