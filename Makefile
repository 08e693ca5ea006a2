# fslens. `make demo` and `make test` set up a fresh machine by themselves; plain `make` only builds. `make help` lists all.

MAKEFLAGS += --no-builtin-rules
BUILD ?= build
CC ?= cc
MPICC ?= mpicc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
SAN ?= 0
WERROR ?= 0
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VERSION := 0.1.0

ifeq ($(SAN),1)
override BUILD := $(BUILD)-san
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

# openblas before gsl: gsl brings a slow cblas of its own.
PKGS := hdf5-serial yaml-0.1 libxxhash lapacke openblas gsl zlib
MISSING := $(shell for p in $(PKGS); do pkg-config --exists $$p 2>/dev/null || echo $$p; done)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(subst -lhdf5,-lhdf5_hl -lhdf5,$(shell pkg-config --libs $(PKGS) 2>/dev/null)) -lm

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion $(if $(filter 1,$(WERROR)),-Werror)
BASE_FLAGS := -std=c17 -D_GNU_SOURCE -Iinclude -Isrc $(WARN) $(CFLAGS) $(SAN_FLAGS) $(PKG_CFLAGS)
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

.PHONY: all demo test test-only unit deps test-deps install clean help lint format check-deps soak bench bench-readme
all: check-deps $(BUILD)/fslens ## build $(BUILD)/fslens

check-deps:
	@command -v $(MPICC) >/dev/null || { echo "missing: $(MPICC) (Debian and Ubuntu: libopenmpi-dev openmpi-bin). tools/install-deps.sh installs all that is needed." >&2; exit 1; }
	@command -v pkg-config >/dev/null || { echo "missing: pkg-config. tools/install-deps.sh installs all that is needed." >&2; exit 1; }
	@test -z "$(MISSING)" || { echo "missing: $(MISSING) (pkg-config names). tools/install-deps.sh installs all that is needed." >&2; exit 1; }

$(BUILD)/fslens: $(APP_OBJ) $(BUILD)/libfslens.a
	$(MPICC) $(SAN_FLAGS) -o $@ $(APP_OBJ) $(BUILD)/libfslens.a $(PKG_LIBS)

$(BUILD)/libfslens.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/src/runner/%.o: src/runner/%.c
	@mkdir -p $(@D)
	OMPI_CC="$(CC)" $(MPICC) $(FLAGS) -MMD -MP -c $< -o $@

# The sanitizers take minutes over loops that -O3 has unrolled.
ISA_LEVEL := $(if $(filter 1,$(SAN)),-O1,-O3)
define isa_rule
$(BUILD)/$(1)/%.o: src/%.c
	@mkdir -p $$(@D)
	$(CC) $(BASE_FLAGS) $(ISA_LEVEL) -fno-math-errno -fno-trapping-math -ffp-contract=fast $(ISA_FLAGS_$(1)) -DFSL_KERNEL_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -MMD -MP -c $< -o $@

# What the provenance says of this build; touched only when it changes.
$(BUILD)/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#define FSL_VERSION "%s"\n#define FSL_GIT_COMMIT "%s"\n#define FSL_CFLAGS "%s"\n' "$(VERSION)" "$$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$(CFLAGS) $(SAN_FLAGS)" > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
VERSIONED := $(BUILD)/src/store/signature.o
$(VERSIONED): FLAGS += -include $(BUILD)/version.h
$(VERSIONED): $(BUILD)/version.h
FORCE:

# ---- benchmarks --------------------------------------------------------------------------------------------------
# Programs that time one thing each; tools/bench/run.py lets them take turns with plain NumPy and PyTorch.
BENCH ?= full
BENCH_PROGRAMS := $(patsubst %,$(BUILD)/bench/%,moments scores schedule job bounds)
BENCH_OBJ := $(patsubst %,$(BUILD)/tools/bench/%.o,serve setting problem) $(patsubst %,$(BUILD)/%/bench/loops.o,$(ISAS))
define bench_isa_rule
$(BUILD)/$(1)/bench/%.o: tools/bench/%.c
	@mkdir -p $$(@D)
	$(CC) $(BASE_FLAGS) -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast $(ISA_FLAGS_$(1)) -DFSL_KERNEL_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call bench_isa_rule,$(isa))))
$(BUILD)/bench/%: $(BUILD)/tools/bench/%.o $(BENCH_OBJ) $(BUILD)/libfslens.a
	@mkdir -p $(@D)
	$(CC) $(SAN_FLAGS) $(WRAP:%=-Wl,--wrap=%) -o $@ $< $(BENCH_OBJ) $(BUILD)/libfslens.a $(PKG_LIBS)
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
PURE_OBJ := $(patsubst %,$(BUILD)/src/runner/%.o,schedule progress speaker suspects calibration overdue records turns launch restart)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)
$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libfslens.a $(PURE_OBJ)
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -MMD -MP -MT $@ -MF $@.d $< -o $@ $(WRAP:%=-Wl,--wrap=%) $(PURE_OBJ) $(BUILD)/libfslens.a $(PKG_LIBS) -lcmocka -lpthread
# Fails these calls where it chooses.
$(BUILD)/tests/test_job_team: WRAP := fsl_arena_get fsl_check_stop
$(BUILD)/tests/test_job_shared: WRAP := fsl_posterior_of_training_set fsl_law_view_create
$(BUILD)/tests/test_store_lock: WRAP := fcntl kill
# Counts them.
$(BUILD)/tests/test_problem_mixture_large: WRAP := fsl_forward_solve fsl_cholesky fsl_matvec
$(BUILD)/tests/test_metric_scene: WRAP := fsl_law_view_states
$(BUILD)/tests/test_posterior_look: WRAP := cblas_sgemm cblas_dgemm
$(BUILD)/tests/test_base_array_formats: WRAP := fsl_check_stop

# A journal is bytes that nobody vouches for: what reads it is built once more with the sanitizers for the test that
# damages journals. Where the compiler has none, the test goes without.
CHECKED_SRC := $(patsubst %,src/%.c,base/arena base/ctx base/hash base/status base/team base/text job/record \
  store/crc32c store/journal store/journal_blocks store/journal_read store/files store/lock)
CHECKED_OBJ := $(CHECKED_SRC:%.c=$(BUILD)/checked/%.o)
$(BUILD)/checked/flags:
	@mkdir -p $(@D)
	@echo '-O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' >$@
	@echo 'int main(void) { return 0; }' | $(CC) @$@ -x c -o /dev/null - 2>/dev/null || { echo "$(CC) has no sanitizers: test_store_damage goes without" >&2; : >$@; }
$(BUILD)/checked/%.o: %.c $(BUILD)/checked/flags
	@mkdir -p $(@D)
	$(CC) $(FLAGS) @$(BUILD)/checked/flags -MMD -MP -c $< -o $@
$(BUILD)/tests/test_store_damage: tests/unit/test_store_damage.c $(CHECKED_OBJ)
	@mkdir -p $(@D)
	$(CC) $(FLAGS) @$(BUILD)/checked/flags -MMD -MP -MT $@ -MF $@.d $< -o $@ $(CHECKED_OBJ) $(PKG_LIBS) -lcmocka

# fslens with kinds that crash, hang and starve. Its catalog comes before the library's, which is then not linked.
KINDS_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/kinds/*.c))
$(BUILD)/fslens-test: $(APP_OBJ) $(KINDS_OBJ) $(BUILD)/libfslens.a
	$(MPICC) $(SAN_FLAGS) -o $@ $(APP_OBJ) $(KINDS_OBJ) $(BUILD)/libfslens.a $(PKG_LIBS)

# fslens whose calls of the system and of the allocator fail on demand (see tests/faults/faults.c).
FAULTS := malloc calloc realloc aligned_alloc strdup realpath opendir pthread_create open close read pread write pwrite \
  writev fcntl ftruncate fsync fdatasync rename fsl_arena_get fsl_arena_get_unset
FAULTS_OBJ := $(BUILD)/tests/faults/faults.o
$(BUILD)/fslens-faults: $(APP_OBJ) $(FAULTS_OBJ) $(BUILD)/libfslens.a
	$(MPICC) $(SAN_FLAGS) $(FAULTS:%=-Wl,--wrap=%) -o $@ $(APP_OBJ) $(FAULTS_OBJ) $(BUILD)/libfslens.a $(PKG_LIBS)

unit: $(UNIT) $(BENCH_PROGRAMS) $(BUILD)/fslens-test $(BUILD)/fslens-faults ## build the unit tests

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

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo "Variables: BUILD, CC, CFLAGS, SAN=1 (address and undefined-behaviour sanitizers), WERROR=1, PREFIX, PYTHON"

%.d: ;
-include $(BENCH_PROGRAMS:$(BUILD)/bench/%=$(BUILD)/tools/bench/%.d) $(BENCH_OBJ:.o=.d) $(LIB_OBJ:.o=.d) $(APP_OBJ:.o=.d) $(KINDS_OBJ:.o=.d) $(FAULTS_OBJ:.o=.d) $(CHECKED_OBJ:.o=.d) $(UNIT:=.d)
