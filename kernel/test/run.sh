#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The live-update test: builds the kernels and the programs, and runs the
# scenarios in QEMU. Everything built is kept in the cache, not in the checkout.
#
# Exit status: 0 passed, or skipped with a clear message; 1 a check failed; 2
# could not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

usage() {
	cat <<'USAGE'
usage: kernel/test/run.sh [COMMAND] [OPTIONS]

  run        run the scenarios and print TAP (the default)
             --list, --only NAME, --jobs N, --time-limit SECONDS, --accel tcg
  static     hold the series, the module and the unit tests to the kernel's
             rules, the module's object code to a C twin's, and what the kernel
             makes of the generated headers to what it makes of its own; and the
             types to its images: no QEMU needed
  selftest   break the module in several ways and check that the test notices
  image      --format raw|elf|kdump -o FILE: keep the memory between two kernels,
             and FILE.json with what it holds

Any of them with --help says more.

Environment:
  LINUX_SRC       a Linux source tree, unpacked and pristine
  KHO_ABI_CACHE   where builds and logs are kept
USAGE
}

command=run
case "${1:-}" in
run | static | selftest | image) command=$1; shift ;;
-h | --help) usage; exit 0 ;;
esac

# Only skip for what this machine cannot have at all. A failed build, or a given
# source tree that is not one, is an error.
skip() {
	printf 'TAP version 13\n1..0 # SKIP %s\n' "$1"
	printf '\n*** THE LIVE-UPDATE TEST WAS SKIPPED: %s ***\n\n' "$1" >&2
	exit 0
}

cache=$(cache_dir)
# One for each checkout: cargo cannot tell two checkouts of the same crates apart.
CARGO_TARGET_DIR="$cache/live-test/target-$(sha256sum <<<"$root" | cut -c1-12)"
export CARGO_TARGET_DIR
export KHO_LIVE_CHECKOUT="$root"
export KHO_LIVE_BUILD="$root/kernel/build.sh"
export KHO_LIVE_LOGS="$cache/live-test/logs"
export KHO_LIVE_PROGRAMS="$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release"

if [ "$command" = static ]; then
	[ $# -eq 0 ] || die "static takes no argument, not '$1'" "see ${0##*/} --help"
	[ -n "${LINUX_SRC:-}" ] || "$root/tools/fetch-linux.sh" >/dev/null || skip "the Linux source cannot be had"
	"$root/kernel/lint.sh"
	"$root/kernel/compare-codegen.sh"
	"$root/kernel/compare-headers.sh"
	# It belongs to the checkout's own workspace, not to the test's.
	env -u CARGO_TARGET_DIR "$root/kernel/verify-images.sh"
	exit
fi

# To link a program as a whole is for what is shipped; it takes minutes.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
# The directory chooses the static target of .cargo/config.toml.
(cd "$here" && cargo build --quiet --locked --release --bins --examples >&2) ||
	die "the programs of the test do not build" "see the lines above"
# The program itself, which runs in the guest as well. It belongs to the checkout's own
# workspace.
(cd "$root" && RUSTFLAGS="-C target-feature=+crt-static" \
	cargo build --quiet --locked --release -p kho-abi --target x86_64-unknown-linux-gnu >&2) ||
	die "kho-abi does not build" "see the lines above"
harness="$KHO_LIVE_PROGRAMS/kho-abi-live-harness"

for argument in "$@"; do
	case "$argument" in
	--list | -h | --help) exec "$harness" "$command" "$@" ;;
	esac
done

if ! command -v qemu-system-x86_64 >/dev/null; then
	(install_packages qemu-system-x86 seabios) || skip "QEMU is not here and cannot be installed"
fi
if [ -z "${LINUX_SRC:-}" ]; then
	"$root/tools/fetch-linux.sh" >/dev/null || skip "the Linux source cannot be had"
fi

exec "$harness" "$command" "$@"
