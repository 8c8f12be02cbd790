#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Runs every check and test of the checkout, and stops at the first that fails.
#
# This includes the tests with a real Linux tree, which are never skipped: without a tree, this
# fails.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
cd "$here/.."

# state: git's view of the checkout. Changes by the developer are allowed.
state() { { git status --porcelain && git diff; } | sha256sum; }

begin=$SECONDS
before=$(state)
step_name=
not_checked=()

# step NAME: prints the next step, and how long the previous one took.
step() {
	[ -z "$step_name" ] || say "  $step_name: $((SECONDS - step_begin)) s"
	step_name="$*" step_begin=$SECONDS
	say "== $step_name"
}
trap '[ "$?" -eq 0 ] || say "FAILED: $step_name"' EXIT

step set-up
"$here/setup.sh" check
if [ -z "${LIBCLANG_PATH:-}" ] && [ -d /usr/lib/llvm-19/lib ]; then
	export LIBCLANG_PATH=/usr/lib/llvm-19/lib
fi

step scripts
mapfile -t scripts < <(git ls-files -- '*.sh' .ci/run)
shellcheck -x "${scripts[@]}"

step formatting
cargo fmt --all -- --check
# The programs of the live-update test are a separate workspace, linked statically.
in_live_test() { (cd kernel/test && CARGO_TARGET_DIR="$target/live-test" "$@"); }
target=$PWD/target
in_live_test cargo fmt --all -- --check

step clippy
cargo clippy --locked --workspace --all-targets -- -D warnings
in_live_test cargo clippy --locked --workspace --all-targets -- -D warnings

# Separate workspaces, for which cargo-fuzz sets the flags. libFuzzer itself is not linked.
step 'fuzz targets compile'
mapfile -t manifests < <(git ls-files -- '*/fuzz/Cargo.toml')
for manifest in "${manifests[@]}"; do
	(cd "${manifest%/*}" && cargo fmt -- --check && CARGO_TARGET_DIR="$target/fuzz" cargo check --quiet --locked --no-default-features)
done

step documentation
RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items

step 'dependencies: licences, sources and the Rust that they need'
cargo test --locked -p kho-abi-codegen --test dependencies

step 'dependencies: advisories'
if ! command -v cargo-deny >/dev/null; then
	not_checked+=('advisories: not checked, because cargo-deny is not installed')
elif ! cargo deny fetch db; then
	not_checked+=('advisories: not checked, because the advisory database cannot be fetched')
else
	cargo deny check advisories
fi

step tests
cargo test --locked --workspace
in_live_test cargo test --locked --workspace

step 'bindings in the tools that they are for'
tools/check-bindings.sh

step 'a crate of your own: the example'
cargo clippy --offline --locked --manifest-path examples/own-contract/Cargo.toml --target-dir "$target" -- -D warnings
tools/check-own-crate.sh

step 'the book'
tools/book.sh

step 'a Linux tree'
LINUX_SRC=$("$here/fetch-linux.sh")
LINUX_BUILD=$("$here/prepare-linux.sh")
export LINUX_SRC LINUX_BUILD
for machine in x86_64 arm64 riscv s390; do
	# Those of this machine are in LINUX_BUILD.
	case "$machine:$(uname -m)" in x86_64:x86_64 | arm64:aarch64) continue ;; esac
	variable="LINUX_HEADERS_${machine^^}"
	declare "$variable=$("$here/prepare-linux.sh" --headers "$machine")"
	export "${variable?}"
done

step 'tests against the Linux tree'
cargo test --locked -p kho-abi-codegen --test kernel_tree --test kernel_headers --test headers \
	--test unit_tests -- --include-ignored
cargo test --locked -p kho-abi --test import --test suites -- --ignored

step 'headers, frozen layouts and truth agree'
if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
	not_checked+=('edits of released layouts: not checked, because this clone is shallow')
	cargo run --quiet --locked -- check --allow-unchecked
else
	cargo run --quiet --locked -- check
fi

step 'nothing was written into the checkout'
[ "$(state)" = "$before" ] || die "the checks changed the checkout" "see \`git status\` and \`git diff\`"

step_name=
for what in "${not_checked[@]}"; do
	say "!! $what"
done
say "all passed, in $((SECONDS - begin)) s"
