# fslens. `make demo` and `make test` set up a fresh machine by themselves; plain `make` only builds. `make help` lists all.
# Commands are shown in short; V=1 shows all of them.

MAKEFLAGS += --no-builtin-rules
BUILD ?= build
CC ?= cc
MPICC ?= mpicc
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
SAN ?= 0
WERROR ?= 0
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VERSION := 0.1.0

# mpicc calls $(CC), so that CC=mpicc would call itself for ever.
ifneq (,$(filter mpi%,$(notdir $(firstword $(CC)))))
$(error CC=$(CC) is MPI's wrapper, which calls a compiler: give it as MPICC=$(CC), and in CC the compiler, as CC=gcc)
endif
ifneq (1,$(words $(BUILD)))
$(error BUILD='$(BUILD)' is no folder that make can build in: give a path without spaces)
endif

ifeq ($(SAN),1)
override BUILD := $(BUILD)-san
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

# ---- libraries, by the names that pkg-config knows them by on one system or another ------------------------------
# make 4.3 does not export its variables to $(shell).
PKG := $(foreach v,PKG_CONFIG_PATH PKG_CONFIG_LIBDIR,$(if $($(v)),$(v)="$($(v))")) $(PKG_CONFIG)
# Those of a list that exist here.
found = $(shell for p in $(1); do $(PKG) --exists $$p 2>/dev/null && echo $$p; done)
HDF5 := $(firstword $(call found,hdf5-serial hdf5 hdf5-openmpi hdf5-mpich))
BLAS := $(firstword $(call found,openblas flexiblas))
# LAPACKE is mostly a part of OpenBLAS; of xxHash only the header is used. openblas before gsl: gsl brings a slow cblas of its own.
PKGS := $(HDF5) $(BLAS) $(call found,yaml-0.1 libxxhash lapacke gsl zlib)
PKG_CFLAGS := $(if $(PKGS),$(shell $(PKG) --cflags $(PKGS)))
LINKED := $(filter-out libxxhash,$(PKGS))
PKG_LIBS := $(patsubst -lhdf5,-lhdf5_hl -lhdf5,$(if $(LINKED),$(shell $(PKG) --libs $(LINKED)))) $(if $(filter zlib,$(PKGS)),,-lz) -lm
LINK_LIBS = $(PKG_LIBS) $(LDLIBS)

# MPI's wrapper, around the compiler chosen here. The header of a parallel HDF5 includes mpi.h: then it compiles all.
MPI_CC := OMPI_CC="$(CC)" MPICH_CC="$(CC)" I_MPI_CC="$(CC)" $(MPICC)
ifneq (,$(filter-out hdf5-serial,$(HDF5)))
number_sign := \#
PARALLEL_HDF5 := $(shell echo '$(number_sign)include <H5pubconf.h>' | $(CC) $(CPPFLAGS) $(PKG_CFLAGS) -E -dM -x c - 2>/dev/null | grep -w H5_HAVE_PARALLEL)
endif
COMPILER := $(if $(PARALLEL_HDF5),$(MPI_CC),$(CC))

# Named integers are enumerators here, and exact in floating point.
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-enum-float-conversion $(if $(filter 1,$(WERROR)),-Werror)
BASE_FLAGS := -std=c17 -D_GNU_SOURCE -Iinclude -Isrc $(CPPFLAGS) $(WARN) $(CFLAGS) $(SAN_FLAGS) $(PKG_CFLAGS)
# No fused multiply-add outside kernel files: the same bits from every compiler.
FLAGS = $(BASE_FLAGS) -ffp-contract=off

# ---- sources, in dependency order: a folder includes only from folders before it ---------------------------------
FOLDERS := base kind problem posterior approximation sampling truth metric catalog spec grid job convergence store
ISA_SRC := $(wildcard src/posterior/kernel*.c)
LIB_SRC := $(filter-out $(ISA_SRC),$(foreach d,$(FOLDERS),$(wildcard src/$(d)/*.c)))
APP_SRC := $(wildcard src/commands/*.c)
MPI_SRC := $(wildcard src/runner/*.c)

# The hot kernels are compiled once for each instruction set and chosen at run time; elsewhere the portable ones serve.
ifneq (,$(filter x86_64 amd64,$(shell uname -m)))
ISAS := generic v3 v4
else
ISAS := generic
endif
ISA_FLAGS_generic :=
ISA_FLAGS_v3 := -march=x86-64-v3
ISA_FLAGS_v4 := -march=x86-64-v4
ISA_OBJ := $(foreach isa,$(ISAS),$(ISA_SRC:src/%.c=$(BUILD)/$(isa)/%.o))

LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o) $(ISA_OBJ)
APP_OBJ := $(APP_SRC:%.c=$(BUILD)/%.o) $(MPI_SRC:%.c=$(BUILD)/%.o)

.PHONY: all demo test test-only unit deps test-deps install clean help lint format check-deps missing-deps soak bench bench-readme
all: $(BUILD)/fslens ## build $(BUILD)/fslens (V=1 shows the commands)
	@echo "built $(BUILD)/fslens"

ifneq (1,$(V))
Q := @
endif
say = $(if $(Q),@printf '%-5s %s\n' $(1) $(2))

quoted = '$(subst ','\'',$(1))'
# What is missing here, one word each. Looking needs no root, no network and no git.
MISSING := CC=$(call quoted,$(CC)) MPICC=$(call quoted,$(MPICC)) PKG_CONFIG=$(call quoted,$(PKG_CONFIG)) \
  COMPILE=$(call quoted,$(COMPILER) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS)) LINK=$(call quoted,$(LDFLAGS) $(LINK_LIBS)) \
  tools/missing-deps.sh
CHECK := missing=$$($(MISSING)) && test -z "$$missing" || { echo "missing:" $$missing "(tools/install-deps.sh installs that, or says where to get it without root)" >&2; exit 1; }
missing-deps:
	@$(MISSING)

check-deps: ## say what is missing to build here
	@$(CHECK)

# How everything here is made. Touched when that changes: then all is made anew.
HOW := $(CC) | $(MPICC) $(shell command -v $(MPICC)) | $(COMPILER) | $(shell $(CC) --version 2>&1 | head -1) | $(FLAGS) | $(LDFLAGS) | $(LINK_LIBS)
$(BUILD)/how: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(call quoted,$(HOW)) >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else $(CHECK); mv $@.new $@; fi

$(BUILD)/fslens: $(APP_OBJ) $(BUILD)/libfslens.a
	$(call say,LD,$@)
	$(Q)$(MPI_CC) $(SAN_FLAGS) $(LDFLAGS) -o $@ $(APP_OBJ) $(BUILD)/libfslens.a $(LINK_LIBS)

$(BUILD)/libfslens.a: $(LIB_OBJ)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/src/runner/%.o: src/runner/%.c $(BUILD)/how
	@mkdir -p $(@D)
	$(call say,MPICC,$<)
	$(Q)$(MPI_CC) $(FLAGS) -MMD -MP -c $< -o $@

# The sanitizers take minutes over loops that -O3 has unrolled.
ISA_LEVEL := $(if $(filter 1,$(SAN)),-O1,-O3)
define isa_rule
$(BUILD)/$(1)/%.o: src/%.c $(BUILD)/how
	@mkdir -p $$(@D)
	$$(call say,CC,"$$< ($(1))")
	$(Q)$(COMPILER) $(BASE_FLAGS) $(ISA_LEVEL) -fno-math-errno -fno-trapping-math -ffp-contract=fast $(ISA_FLAGS_$(1)) -DFSL_KERNEL_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

$(BUILD)/%.o: %.c $(BUILD)/how
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILER) $(FLAGS) -MMD -MP -c $< -o $@

# What the provenance says of this build; touched only when it changes.
$(BUILD)/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define FSL_VERSION "%s"\n#define FSL_GIT_COMMIT "%s"\n#define FSL_CFLAGS "%s"\n' "$(VERSION)" "$$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" '$(subst ",\",$(strip $(CPPFLAGS) $(CFLAGS) $(SAN_FLAGS)))' >$@.new
	$(if $(filter flexiblas,$(BLAS)),@echo '#define FSL_FLEXIBLAS' >>$@.new)
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
VERSIONED := $(BUILD)/src/store/signature.o
$(VERSIONED): FLAGS += -include $(BUILD)/version.h
$(VERSIONED): $(BUILD)/version.h
FORCE:

# ---- benchmarks --------------------------------------------------------------------------------------------------
# Programs that time one thing each; tools/bench/run.py lets them take turns with plain NumPy and PyTorch.
BENCH ?= full
BENCH_PROGRAMS := $(patsubst %,$(BUILD)/bench/%,moments scores schedule job bounds costs)
BENCH_OBJ := $(patsubst %,$(BUILD)/tools/bench/%.o,serve setting problem) $(patsubst %,$(BUILD)/%/bench/loops.o,$(ISAS))
define bench_isa_rule
$(BUILD)/$(1)/bench/%.o: tools/bench/%.c $(BUILD)/how
	@mkdir -p $$(@D)
	$$(call say,CC,"$$< ($(1))")
	$(Q)$(COMPILER) $(BASE_FLAGS) -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast $(ISA_FLAGS_$(1)) -DFSL_KERNEL_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call bench_isa_rule,$(isa))))
$(BUILD)/bench/%: $(BUILD)/tools/bench/%.o $(BENCH_OBJ) $(BUILD)/libfslens.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(COMPILER) $(SAN_FLAGS) $(LDFLAGS) $(WRAP:%=-Wl,--wrap=%) -o $@ $< $(BENCH_OBJ) $(BUILD)/libfslens.a $(LINK_LIBS)
$(BUILD)/bench/job: WRAP := fsl_posterior_moments
$(BUILD)/bench/moments: WRAP := fsl_tiles_load
.SECONDARY: $(BENCH_PROGRAMS:$(BUILD)/bench/%=$(BUILD)/tools/bench/%.o)

bench: all $(BENCH_PROGRAMS) ## how fast fslens is beside plain NumPy and PyTorch: a table and $(BUILD)/bench.json (BENCH=short: seconds)
	@$(PYTHON) tools/bench/run.py $(BUILD) $(BENCH)

bench-readme: ## put the last benchmark's table and plot into README.md
	@$(PYTHON) -c 'import matplotlib' 2>/dev/null || tools/install-deps.sh bench
	@$(PYTHON) tools/bench/readme.py $(BUILD)/bench.json

# ---- tests -----------------------------------------------------------------------------------------------------
# The runner's decisions are pure functions: tested without MPI.
PURE_OBJ := $(patsubst %,$(BUILD)/src/runner/%.o,schedule progress speaker suspects calibration overdue records turns launch restart memory)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)
$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libfslens.a $(PURE_OBJ)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILER) $(FLAGS) -MMD -MP -MT $@ -MF $@.d $< -o $@ $(LDFLAGS) $(WRAP:%=-Wl,--wrap=%) $(PURE_OBJ) $(BUILD)/libfslens.a -lcmocka -lpthread $(LINK_LIBS)
# Fails these calls where it chooses.
$(BUILD)/tests/test_job_team: WRAP := fsl_arena_get fsl_check_stop
$(BUILD)/tests/test_job_shared: WRAP := fsl_posterior_of_training_set fsl_law_view_create fsl_truth_find
$(BUILD)/tests/test_store_lock: WRAP := fcntl kill
$(BUILD)/tests/test_base_array_formats: WRAP := fsl_check_stop
# Counts them.
$(BUILD)/tests/test_problem_mixture_large: WRAP := fsl_forward_solve fsl_cholesky fsl_matvec
$(BUILD)/tests/test_metric_scene: WRAP := fsl_law_view_states
$(BUILD)/tests/test_posterior_look: WRAP := cblas_sgemm cblas_dgemm

# A journal is bytes that nobody vouches for: what reads it is built once more with the sanitizers for the test that
# damages journals. Where the compiler has none, the test goes without.
CHECKED_SRC := $(patsubst %,src/%.c,base/arena base/ctx base/hash base/status base/team base/text job/record \
  store/crc32c store/journal store/journal_blocks store/journal_read store/files store/lock)
CHECKED_OBJ := $(CHECKED_SRC:%.c=$(BUILD)/checked/%.o)
$(BUILD)/checked/flags: $(BUILD)/how
	@mkdir -p $(@D)
	@echo '-O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' >$@
	@echo 'int main(void) { return 0; }' | $(CC) @$@ -x c -o /dev/null - 2>/dev/null || { echo "$(CC) has no sanitizers: test_store_damage goes without" >&2; : >$@; }
$(BUILD)/checked/%.o: %.c $(BUILD)/checked/flags $(BUILD)/how
	@mkdir -p $(@D)
	$(call say,CC,"$< (checked)")
	$(Q)$(COMPILER) $(FLAGS) @$(BUILD)/checked/flags -MMD -MP -c $< -o $@
$(BUILD)/tests/test_store_damage: tests/unit/test_store_damage.c $(CHECKED_OBJ)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILER) $(FLAGS) @$(BUILD)/checked/flags -MMD -MP -MT $@ -MF $@.d $< -o $@ $(LDFLAGS) $(CHECKED_OBJ) -lcmocka $(LINK_LIBS)

# A campaign's journal without its computing.
$(BUILD)/fill-journal: tests/e2e/fill_journal.c $(BUILD)/libfslens.a
	$(CC) $(FLAGS) $(SAN_FLAGS) -MMD -MP -MT $@ -MF $@.d $< -o $@ $(BUILD)/libfslens.a $(PKG_LIBS)

# fslens with kinds that crash, hang and starve. Its catalog comes before the library's, which is then not linked.
KINDS_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/kinds/*.c))
$(BUILD)/fslens-test: $(APP_OBJ) $(KINDS_OBJ) $(BUILD)/libfslens.a
	$(call say,LD,$@)
	$(Q)$(MPI_CC) $(SAN_FLAGS) $(LDFLAGS) -o $@ $(APP_OBJ) $(KINDS_OBJ) $(BUILD)/libfslens.a $(LINK_LIBS)

# fslens whose calls of the system and of the allocator fail on demand (see tests/faults/faults.c).
FAULTS := malloc calloc realloc aligned_alloc strdup realpath opendir pthread_create open close read pread write pwrite \
  writev fcntl ftruncate fsync fdatasync rename fsl_arena_get fsl_arena_get_unset
FAULTS_OBJ := $(BUILD)/tests/faults/faults.o
$(BUILD)/fslens-faults: $(APP_OBJ) $(FAULTS_OBJ) $(BUILD)/libfslens.a
	$(call say,LD,$@)
	$(Q)$(MPI_CC) $(SAN_FLAGS) $(LDFLAGS) $(FAULTS:%=-Wl,--wrap=%) -o $@ $(APP_OBJ) $(FAULTS_OBJ) $(BUILD)/libfslens.a $(LINK_LIBS)

unit: $(UNIT) $(BENCH_PROGRAMS) $(BUILD)/fslens-test $(BUILD)/fslens-faults $(BUILD)/fill-journal ## build the unit tests

deps:
	@tools/install-deps.sh

test-deps:
	@tools/install-deps.sh test

demo: deps ## set up, build, run the quickstart campaign under mpirun and show its result
	@$(MAKE) --no-print-directory all
	@tools/demo.sh $(BUILD)/fslens

test: test-deps ## set up, build and run every test
	@$(MAKE) --no-print-directory all unit
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/run.sh

test-only: all unit ## every test, without set-up
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/run.sh

soak: all unit ## long loops: a minute of damaged specs, the known failures in full
	@BUILD=$(BUILD) PYTHON=$(PYTHON) tests/soak.sh

# ---- style -------------------------------------------------------------------------------------------------------
ALL_SRC = $(wildcard src/*/*.[ch] include/fslens/*.h tests/*/*.[ch] tools/bench/*.[ch])
format: ## clang-format everything in place
	clang-format -i $(ALL_SRC)

lint: ## clang-format, cppcheck and clang-tidy must be silent
	@tools/lint.sh $(BASE_FLAGS)

# ---- the rest ------------------------------------------------------------------------------------------------------
install: all ## install under PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/fslens
	install -m 755 $(BUILD)/fslens $(DESTDIR)$(PREFIX)/bin/fslens
	install -m 644 include/fslens/*.h $(DESTDIR)$(PREFIX)/include/fslens

clean: ## remove what was built
	rm -rf $(BUILD)

print-%: # a variable's value: make print-PKG_LIBS
	@echo $(call quoted,$($*))

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo "Variables: BUILD, CC, MPICC, CPPFLAGS, CFLAGS, LDFLAGS, LDLIBS, PKG_CONFIG, V=1 (whole commands), WERROR=1,"
	@echo "SAN=1 (address and undefined-behaviour sanitizers), PREFIX, PYTHON"

%.d: ;
-include $(BENCH_PROGRAMS:$(BUILD)/bench/%=$(BUILD)/tools/bench/%.d) $(BENCH_OBJ:.o=.d) $(LIB_OBJ:.o=.d) $(APP_OBJ:.o=.d) $(KINDS_OBJ:.o=.d) $(FAULTS_OBJ:.o=.d) $(CHECKED_OBJ:.o=.d) $(UNIT:=.d)
