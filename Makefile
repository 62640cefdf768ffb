# What a person types. Everything runs without questions; `make help` lists it.
PREFIX ?= /usr/local
# For `prefixtune --version`; see Package.swift.
export PREFIXTUNE_COMMIT := $(shell bash Tools/commit.sh)

# Release builds and test builds take different flags and so have folders of their own: neither undoes the other.
TESTS_BUILD := .build/tests
FORMATTED := $(wildcard Sources Tests Examples Fuzzing/Sources)

ifeq ($(shell uname -s),Darwin)
# Homebrew's headers and libraries are not where the compiler looks by itself.
HOMEBREW := $(shell brew --prefix 2>/dev/null)
export CPATH := $(HOMEBREW)/include:$(CPATH)
export LIBRARY_PATH := $(HOMEBREW)/lib:$(LIBRARY_PATH)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test build install dist first-hour format lint docs faults sanitize fuzz dependencies clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# Without the packages of the HTTP server, unless the tool was built with them before.
demo: dependencies  ## train a prefix on embedded data, compare it with fine-tuning, write prefixtune-demo/report.html
	swift build -c release --product prefixtune $(if $(wildcard .build/checkouts/hummingbird),,--disable-default-traits)
	.build/release/prefixtune demo

test: dependencies  ## build and run all tests, the fast ones first
	bash Tools/test.sh $(TESTS_BUILD)

build: dependencies  ## build the tool: .build/release/prefixtune
	swift build -c release --product prefixtune

install: build  ## install the tool to PREFIX/bin (PREFIX=/usr/local), man pages and completions to PREFIX/share
	bash Tools/install.sh "$(DESTDIR)$(PREFIX)"

dist:  ## build what is installed without a compiler: .build/dist/*.tar.gz and *.deb (Linux)
	@bash Tools/dependencies.sh dist
	bash Tools/dist.sh

format:  ## lay out all Swift files
	swift format --in-place --recursive --parallel $(FORMATTED)

lint:  ## check layout and documentation of all Swift files (make test refuses compiler warnings)
	swift format lint --strict --recursive --parallel $(FORMATTED)

docs: dependencies  ## build the reference documentation: .build/docs
	bash Tools/docs.sh .build/docs

fuzz: dependencies  ## fuzz what reads files of strangers: 60 s for each kind of file (SECONDS=600)
	bash Fuzzing/run.sh $(or $(SECONDS),60)

first-hour: dist  ## do what README.md says, block by block, in a bare Debian with what `make dist` built
	bash Tests/FirstHour/run.sh .build/dist/*.tar.gz

faults: build  ## let every write, fsync, rename of a save and a load fail or be the last; resume (Linux)
	python3 Tests/Faults/run.py --binary .build/release/prefixtune

sanitize: dependencies  ## run the tests under address, thread and undefined-behaviour sanitizers (address: 20 minutes; KIND=address, FILTER=…)
	for kind in $(or $(KIND),address thread); do bash Tools/sanitize.sh $$kind '$(or $(FILTER),.)' || exit 1; done

dependencies:
	@bash Tools/dependencies.sh

clean:  ## remove everything that was built
	rm -rf .build
