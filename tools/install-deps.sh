#!/bin/sh
# Installs what fslens needs to build, run and test, where it is missing. Debian and Ubuntu: apt. Fedora and its kin: dnf.
# Asks for sudo when not root. Does nothing, and needs no network, when everything is there. With the argument `test`, as
# root, also SLURM for the test of arrays, which is skipped where there is none. With the argument `bench`, also what draws
# the plot of `make bench-readme`.
set -eu

apt_packages="gcc libc6-dev make pkg-config git libopenmpi-dev openmpi-bin libhdf5-dev libyaml-dev libcmocka-dev
librandom123-dev libopenblas-serial-dev liblapacke-dev libgsl-dev libxxhash-dev zlib1g-dev
netcdf-bin python3 python3-numpy python3-h5py python3-xarray python3-h5netcdf python3-netcdf4"
apt_test_packages="slurmctld slurmd slurm-client munge"
bench_packages="python3-matplotlib"
dnf_packages="gcc make pkgconf git openmpi-devel hdf5-devel libyaml-devel libcmocka-devel Random123-devel openblas-devel
lapack-devel gsl-devel xxhash-devel zlib-devel netcdf python3 python3-numpy python3-h5py python3-xarray python3-netcdf4"

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "install-deps: run this as root, or install sudo: $*" >&2
    exit 1
  fi
}

missing_apt() {
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || echo "$package"
  done
}

install_apt() {
  missing=$(missing_apt "$@")
  [ -n "$missing" ] || return 0
  echo "installing:" $missing
  [ -n "$updated" ] || as_root apt-get update -qq || return 1
  updated=yes
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

if command -v apt-get >/dev/null; then
  updated=
  install_apt $apt_packages
  [ "${1:-}" != bench ] || install_apt $bench_packages
  if [ "${1:-}" = test ] && [ "$(id -u)" -eq 0 ]; then
    install_apt $apt_test_packages || echo "install-deps: no SLURM could be installed; its test is skipped" >&2
  fi
elif command -v dnf >/dev/null; then
  [ "${1:-}" = bench ] || bench_packages=
  as_root dnf install -y -q $dnf_packages $bench_packages
else
  echo "install-deps: neither apt-get nor dnf is here; README.md lists what to install" >&2
  exit 1
fi
