# fslens: `make` builds, `make demo` and `make test` set up a fresh machine first. `make help` lists everything.
BUILD ?= build
CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
SAN ?= 0

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
STD = -std=c17 -D_GNU_SOURCE -ffp-contract=off -Iinclude -Isrc
PKGS = hdf5-serial yaml-0.1 gsl libxxhash lapacke openblas
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(subst -lhdf5,-lhdf5_hl -lhdf5,$(shell pkg-config --libs $(PKGS) 2>/dev/null)) -lm

LIB_SRC := $(filter-out src/posterior/kernel.c,$(wildcard $(foreach d,base kind problem posterior approximation sampling truth metric catalog spec grid job convergence store,src/$(d)/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libfslens.a: $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^
-include $(LIB_OBJ:.o=.d)
