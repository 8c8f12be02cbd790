# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Every target sets up what it needs first: on a fresh Debian machine with rustup's Rust, `make` and
# `make check` need no other step.

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

# The directory of rustup's cargo, for a shell that has not read rustup's
# profile.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# The libclang that reads the headers; the environment may override it.
ifeq ($(origin LIBCLANG_PATH),undefined)
ifneq ($(wildcard /usr/lib/llvm-19/lib),)
export LIBCLANG_PATH := /usr/lib/llvm-19/lib
endif
endif

.PHONY: all
all: ## Write the kernel's C headers from the types (the default)
	@tools/setup.sh generate
	cargo run --locked -- generate

.PHONY: check
check: ## Run every check and test, including those against a real Linux tree
	@tools/check.sh

.PHONY: check-kernel
check-kernel: ## Lint the kernel module, and live-update a kernel with it and the headers in QEMU
	@kernel/test/run.sh static
	@kernel/test/run.sh
	@kernel/test/header-suites.sh
	@kernel/test/inspect.sh

.PHONY: check-bumps
check-bumps: ## Bump every contract in a copy, and run every test there
	@tools/check-bumps.sh

# Where `make install` puts things: below DESTDIR, for those who make packages.
PREFIX ?= /usr/local
DESTDIR ?=
export PREFIX DESTDIR
program := $(or $(CARGO_TARGET_DIR),target)/release/kho-abi

.PHONY: release
release:
	@tools/setup.sh generate
	cargo build --release --locked -p kho-abi --bin kho-abi

.PHONY: static
static: ## Build a static program for any x86-64 Linux (musl)
	@tools/setup.sh generate
	rustup target add x86_64-unknown-linux-musl
	cargo build --release --locked -p kho-abi --bin kho-abi --target x86_64-unknown-linux-musl

.PHONY: install
install: release ## Install the program, manual pages and completions (PREFIX=/usr/local, DESTDIR=)
	@tools/install.sh $(program)

.PHONY: deb
deb: release ## Build a Debian package, into target/debian/
	@tools/deb.sh $(program)

.PHONY: check-package
check-package: release ## Try the Debian package in a clean chroot (as root)
	@tools/check-package.sh $(program)

.PHONY: bench
bench: ## Compare with cbindgen and pahole, and measure growth
	@tools/bench.sh

.PHONY: book
book: ## Write the book into target/book/html, and check its links and examples
	@tools/setup.sh check
	@tools/book.sh

.PHONY: bless
bless: ## Record the goldens of rendered text again; frozen layouts stay as they are
	@tools/setup.sh check
	INSTA_UPDATE=always cargo test --locked --workspace --no-fail-fast

.PHONY: clean
clean: ## Remove what cargo built, but keep the cache of Linux trees
	cargo clean

.PHONY: help
help: ## Print this help
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16
