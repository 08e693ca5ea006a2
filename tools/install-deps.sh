#!/bin/sh
# Installs what fslens needs to build, run and test, where it is missing, by apt-get (Debian, Ubuntu) or dnf (Fedora and its
# kin). Looks first, for the things themselves and not for packages: where nothing is missing it needs neither root nor
# network. Asks for sudo when not root. Without root, or on another system, it prints what to ask conda, Spack or pip for.
# With the argument `test`, as root, also SLURM for the test of arrays, which is skipped where there is none. With the
# argument `bench`, also what draws the plot of `make bench-readme`.
set -eu
cd "$(dirname "$0")/.."

# WORD, and its packages of apt, dnf, conda-forge, Spack and PyPI; "-": none needed or known there.
table() {
  cat <<'END'
make        make                          make              make          gmake            -
compiler    gcc,libc6-dev                 gcc               c-compiler    gcc              -
pkg-config  pkg-config                    pkgconf           pkg-config    pkgconf          -
mpi         libopenmpi-dev,openmpi-bin    openmpi-devel     openmpi       openmpi          openmpi
hdf5        libhdf5-dev                   hdf5-devel        hdf5          hdf5+hl~mpi      -
yaml        libyaml-dev                   libyaml-devel     yaml          libyaml          -
openblas    libopenblas-serial-dev        openblas-devel    openblas      openblas         -
lapacke     liblapacke-dev                lapack-devel      openblas      openblas         -
gsl         libgsl-dev                    gsl-devel         gsl           gsl              -
xxhash      libxxhash-dev                 xxhash-devel      xxhash        xxhash           -
zlib        zlib1g-dev                    zlib-devel        zlib          zlib             -
random123   librandom123-dev              Random123-devel   -             random123        -
git         git                           git               git           git              -
cmocka      libcmocka-dev                 libcmocka-devel   cmocka        cmocka           -
ncdump      netcdf-bin                    netcdf            libnetcdf     netcdf-c         -
python      python3                       python3           python        python           -
numpy       python3-numpy                 python3-numpy     numpy         py-numpy         numpy
h5py        python3-h5py                  python3-h5py      h5py          py-h5py          h5py
xarray      python3-xarray                python3-xarray    xarray        py-xarray        xarray
h5netcdf    python3-h5netcdf              -                 h5netcdf      py-h5netcdf      h5netcdf
netCDF4     python3-netcdf4               python3-netcdf4   netcdf4       py-netcdf4       netCDF4
matplotlib  python3-matplotlib            python3-matplotlib matplotlib   py-matplotlib    matplotlib
slurm       slurmctld,slurmd,slurm-client,munge -           -             -                -
END
}

# ---- looking -----------------------------------------------------------------------------------------------------------

# What the build lacks: make knows where it would look. Without make, which asks, all of it may be missing.
look_to_build() {
  if command -v make >/dev/null; then
    make --no-print-directory -s missing-deps
  else
    echo make compiler pkg-config mpi hdf5 yaml openblas lapacke gsl xxhash zlib random123
  fi
}

has_cmocka() {
  printf '#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <setjmp.h>\n#include <cmocka.h>\n' |
    ${CC:-cc} ${CPPFLAGS:-} -fsyntax-only -x c - 2>/dev/null
}

look_to_test() {
  for command in git ncdump; do command -v $command >/dev/null || echo $command; done
  mpirun=${FSLENS_MPIRUN:-mpirun}
  command -v "${mpirun%% *}" >/dev/null || echo mpi
  has_cmocka || echo cmocka
  python=${PYTHON:-/usr/bin/python3}
  command -v "$python" >/dev/null || python=python3
  command -v "$python" >/dev/null || echo python
  for module in numpy h5py xarray h5netcdf netCDF4 $1; do "$python" -c "import $module" 2>/dev/null || echo "$module"; done
}

look_for_slurm() { command -v slurmctld >/dev/null && command -v munged >/dev/null || echo slurm; }

# packages COLUMN WORD...: the names of a column, one a line, each once.
packages() {
  column=$1
  shift
  for word in "$@"; do table | awk -v word="$word" -v column="$column" '$1 == word && $column != "-" { print $column }'; done |
    tr , '\n' | sort -u
}

# ---- installing ----------------------------------------------------------------------------------------------------------

can_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

install() {
  if command -v apt-get >/dev/null; then
    names=$(packages 2 "$@")
    echo "installing:" $names
    as_root apt-get update -qq || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $names >/dev/null
  else
    names=$(packages 3 "$@")
    echo "installing:" $names
    as_root dnf install -y -q $names
  fi
}

say_how() {
  echo "missing:" "$@"
  echo "There is no root, or neither apt-get nor dnf, to install it here. One of these brings it without root:"
  echo "  conda install -c conda-forge" $(packages 4 "$@")
  echo "  spack install" $(packages 5 "$@")
  [ -z "$(packages 6 "$@")" ] || echo "  pip install" $(packages 6 "$@")
  case " $* " in
  *" random123 "*) echo "  Random123 is headers alone: unpack github.com/DEShawResearch/random123, CPATH=.../include" ;;
  esac
  echo "or ask for:"
  echo "  apt-get install" $(packages 2 "$@")
  echo "  dnf install" $(packages 3 "$@")
}

say_where() {
  echo "install-deps: installed, but not found by make:" "$@"
  echo "An MPI of Fedora's wants \`module load mpi\`, or PATH=/usr/lib64/openmpi/bin:\$PATH; other places PKG_CONFIG_PATH."
  exit 1
}

plot=
[ "${1:-}" != bench ] || plot=matplotlib
missing=$(
  look_to_build
  look_to_test "$plot"
)
missing=$(echo "$missing" | tr ' ' '\n' | sort -u)
if [ -n "$missing" ]; then
  if ! can_be_root || ! { command -v apt-get || command -v dnf; } >/dev/null; then
    say_how $missing >&2
    exit 1
  fi
  install $missing || { say_how $missing >&2 && exit 1; }
  missing=$(look_to_build)
  [ -z "$missing" ] || say_where $missing >&2
fi
if [ "${1:-}" = test ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && [ -n "$(look_for_slurm)" ]; then
  install slurm || echo "install-deps: no SLURM could be installed; its test is skipped" >&2
fi
