#!/usr/bin/env bash
# The build on machines that are not Debian: other names of pkg-config, libraries that lie elsewhere, other compilers; and
# install-deps, which looks before it installs. Other machines are made of pkg-config files and commands of this test's own.
. "$(dirname "$0")/common.sh"
unset MAKEFLAGS MAKELEVEL CC MPICC CFLAGS CPPFLAGS LDFLAGS LDLIBS BUILD V
value() { make -s --no-print-directory "print-$1" "${@:2}"; }
real() { pkg-config "--$1" $(value "$2"); } # cflags or libs of this machine's HDF5 or BLAS

# package FOLDER NAME CFLAGS LIBS: a pkg-config file
package() {
  mkdir -p "$1"
  printf 'Name: %s\nDescription: %s\nVersion: 1\nCflags: %s\nLibs: %s\n' "$2" "$2" "$3" "$4" >"$1/$2.pc"
}
# A machine where HDF5 is called hdf5, LAPACKE is a part of the linear algebra NAME, and xxHash a header.
elsewhere() { # FOLDER NAME HDF5_CFLAGS LIBS
  local lapacke
  lapacke=$(pkg-config --exists lapacke && pkg-config --libs lapacke)
  package "$1" hdf5 "$3 $(real cflags HDF5)" "$(real libs HDF5)"
  package "$1" "$2" "$(real cflags BLAS)" "$4 $(real libs BLAS) $lapacke"
  package "$1" yaml-0.1 "$(pkg-config --cflags yaml-0.1)" "$(pkg-config --libs yaml-0.1)"
  package "$1" gsl "$(pkg-config --cflags gsl)" "$(pkg-config --libs gsl)"
}

# ---- other names
elsewhere "$here/plain" openblas "" ""
there=(PKG_CONFIG_LIBDIR="$here/plain" BUILD="$here/build")
[ "$(value PKGS "${there[@]}")" = "hdf5 openblas yaml-0.1 gsl" ]
report "hdf5 without -serial, no lapacke, no libxxhash: the names are found" $?
value PKG_LIBS "${there[@]}" | grep -q -- '-lhdf5_hl -lhdf5'
report "hdf5_hl is linked before hdf5" $?
check "nothing is missing there" make "${there[@]}" check-deps
objects=("$here"/build/src/{base/hash,base/linalg,base/array_hdf5,store/h5,store/signature,commands/score}.o)
check "it builds there, in a folder with an absolute path" make "${there[@]}" "${objects[@]}"
grep -qx 'CC    src/base/hash.c' "$here/said" && ! grep -q -- -Wall "$here/said"
report "make says a short line for each file" $?
[ -s "$here/build/src/store/h5.o" ]
report "and the objects lie in that folder" $?

elsewhere "$here/flexi" flexiblas "" ""
flexi=(PKG_CONFIG_LIBDIR="$here/flexi" BUILD="$here/flexi-build")
[ "$(value BLAS "${flexi[@]}")" = flexiblas ]
report "FlexiBLAS is found where there is no OpenBLAS" $?
check "it builds with FlexiBLAS" make "${flexi[@]}" "$here/flexi-build/src/store/signature.o"
nm "$here/flexi-build/src/store/signature.o" >"$here/said"
grep -q 'U flexiblas_current_backend' "$here/said" && ! grep -q openblas_get "$here/said"
report "and asks FlexiBLAS for its backend, not OpenBLAS for its core" $?

mkdir -p "$here/parallel"
echo '#pragma GCC system_header
#include_next <H5pubconf.h>
#define H5_HAVE_PARALLEL 1' >"$here/parallel/H5pubconf.h"
echo '#pragma GCC system_header
#include <mpi.h>
#include_next <hdf5.h>
#undef H5_HAVE_PARALLEL' >"$here/parallel/hdf5.h"
elsewhere "$here/mpi" openblas "-I$here/parallel" ""
check "a parallel HDF5, whose header includes mpi.h, builds" \
  make V=1 PKG_CONFIG_LIBDIR="$here/mpi" BUILD="$here/mpi-build" "$here/mpi-build/src/store/h5.o" "$here/mpi-build/src/base/array_hdf5.o"
says "$(value MPICC) -std=c17" "by MPI's wrapper"

PKG_CONFIG_LIBDIR=$here/none ends 2 "a machine without libraries is refused" make BUILD="$here/none-build"
says "missing: hdf5 yaml openblas lapacke gsl" "which names what is missing"
says "tools/install-deps.sh" "and what to do"

# ---- flags, and what a change of them does
line() { make -n V=1 "${there[@]}" "$@"; }
line LDFLAGS=-Wl,-z,now LDLIBS=-lanother "$here/build/fslens" | grep -q -- '-Wl,-z,now -o .*/fslens .* -lanother$'
report "LDFLAGS and LDLIBS reach the linker" $?
line CPPFLAGS=-DONE_MORE "$here/build/src/base/hash.o" | grep -q -- '-DONE_MORE .* src/base/hash.c\|-DONE_MORE.*-c src/base/hash.c'
report "CPPFLAGS reach the compiler" $?
remakes() { make "${there[@]}" "$@" "$here/build/src/base/hash.o" 2>&1 | grep -q '^CC .*hash.c'; }
! remakes
report "nothing is made anew without a change" $?
remakes CFLAGS=-O0
report "a change of CFLAGS makes all anew" $?
printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v "$(value CC)")" >"$here/another-cc"
printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v "$(value MPICC)")" >"$here/another-mpi"
chmod +x "$here"/another-*
remakes CFLAGS=-O0 CC="$here/another-cc"
report "so does another CC" $?
remakes CFLAGS=-O0 CC="$here/another-cc" MPICC="$here/another-mpi"
report "and another MPICC" $?
! remakes CFLAGS=-O0 CC="$here/another-cc" MPICC="$here/another-mpi"
report "and not a second time" $?

for wrapper in mpicc /opt/mpi/bin/mpicc.mpich; do
  ends 2 "CC=$wrapper, which would call itself for ever, is refused" timeout 20 make CC=$wrapper "$here/build/fslens"
  says "give it as MPICC=$wrapper" "and told where it belongs"
done
ends 2 "BUILD with a space is refused" make BUILD="$here/a b"
says "without spaces" "and told why"
ends 2 "an empty BUILD is refused" make BUILD=

# ---- install-deps. A machine of this test's own: this one's commands, without its packagers and its root.
farm=$here/farm
mkdir "$farm"
cp -rs /usr/bin/. "$farm" 2>/dev/null
[ -d /usr/local/bin ] && cp -rsn /usr/local/bin/. "$farm" 2>/dev/null
rm -f "$farm"/{apt-get,dnf,sudo,id}
fake() { # COMMAND [TEXT]: a command of the farm that only writes down what it was asked
  printf '#!/bin/sh\necho "%s $*" >>"%s/asked"\n%s\n' "$1" "$here" "${2-}" >"$farm/$1"
  chmod +x "$farm/$1"
}
printf '#!/bin/sh\necho 1000\n' >"$farm/id"
chmod +x "$farm/id"
deps() {
  rm -f "$here/asked"
  PATH=$farm PKG_CONFIG_LIBDIR=${1-$(pkg-config --variable pc_path pkg-config)} tools/install-deps.sh
}
fake apt-get
fake dnf
ends 0 "install-deps where nothing is missing needs no root" deps
[ ! -e "$here/asked" ]
report "and asks no packager" $?
rm -f "$farm/apt-get" "$farm/dnf"
ends 0 "nor is one needed then" deps
ends 1 "without root and packager, what is missing cannot be installed" deps "$here/none"
says "conda install -c conda-forge gsl hdf5 openblas yaml" "conda's names are said"
says "spack install gsl hdf5+hl~mpi libyaml openblas" "and Spack's"
! grep -qw 'gcc\|openmpi' "$here/said"
report "and nothing that is there" $?
fake sudo 'exec "$@"'
for packager in apt-get dnf; do
  rm -f "$farm/apt-get" "$farm/dnf"
  fake $packager
  deps "$here/none" >"$here/said" 2>&1
  cat "$here/asked" >>"$here/said"
  says "sudo" "$packager is asked through sudo"
  grep -E "^$packager.* install" "$here/asked" >"$here/said"
  says "$([ $packager = dnf ] && echo 'gsl-devel hdf5-devel lapack-devel libyaml-devel openblas-devel' || echo 'libgsl-dev libhdf5-dev liblapacke-dev libopenblas-serial-dev libyaml-dev')" \
    "$packager is asked for exactly what is missing"
  ! grep -qw 'gcc' "$here/said"
  report "and for nothing that is there ($packager)" $?
done
