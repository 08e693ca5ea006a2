#!/bin/sh
# Prints what is missing to build fslens here, one word each; nothing where all is there. It looks for commands, and
# compiles and links a line against each library, wherever that comes from. make calls it and says how: CC, MPICC,
# PKG_CONFIG, COMPILE (compiler and flags) and LINK (flags and libraries).
set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

# command_of WORD COMMAND: prints the word where there is no such command.
command_of() { command -v "${2%% *}" >/dev/null 2>&1 || echo "$1"; }

# links WORD EXPRESSION HEADER...: prints the word where this does not compile and link.
links() {
  word=$1 expression=$2
  shift 2
  for header in "$@"; do echo "#include <$header>"; done >"$folder/probe.c"
  echo "int main(void) { return ($expression) != 0; }" >>"$folder/probe.c"
  eval "$COMPILE -w -o '$folder/probe' '$folder/probe.c' $LINK" >/dev/null 2>&1 || echo "$word"
}

command_of pkg-config "$PKG_CONFIG"
command_of mpi "$MPICC"
if ! command -v "${CC%% *}" >/dev/null 2>&1; then
  echo compiler # without one nothing more can be said
  exit 0
fi
links hdf5 'H5open() + H5LTfind_attribute(0, "")' hdf5.h hdf5_hl.h
links yaml 'yaml_get_version_string() == 0' yaml.h
links openblas 'cblas_ddot(0, 0, 1, 0, 1)' cblas.h
links lapacke 'LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 0, 0, 0, 1)' lapacke.h
links gsl 'gsl_version == 0' gsl/gsl_version.h gsl/gsl_integration.h
links xxhash 'XXH_VERSION_NUMBER < 800' xxhash.h
links zlib 'zlibVersion() == 0' zlib.h
links random123 '(int)sizeof(philox4x32_ctr_t)' Random123/philox.h
