#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Bumps contracts in a copy of the checkout, as their owner would, records the goldens, and runs
# every test of the copy. Nothing that stands in the checkout may be in the way of a bump: no test
# that takes a version for the present one, and no reader that goes along with it.
#
#   check-bumps.sh                every contract, all in one copy
#   check-bumps.sh CONTRACT...    these alone, each in a copy of its own
#
# A draft is released first, in the copy: the generated headers stand for the kernel that has it.
#
# Exit status: 0 passed; 1 a check failed; 2 could not run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
root=$(cd "$here/.." && pwd)

"$here/setup.sh" check
if [ -z "${LIBCLANG_PATH:-}" ] && [ -d /usr/lib/llvm-19/lib ]; then
	export LIBCLANG_PATH=/usr/lib/llvm-19/lib
fi
work=$(cache_dir)/bumps
mkdir -p "$work"
# One at a time: what is compiled there is shared by the copies.
exec 9>"$work/lock"
flock 9
export CARGO_TARGET_DIR=${CHECK_BUMPS_TARGET:-$work/target}
copy=$work/checkout

kho_abi() { cargo run --quiet --locked -- "$@"; }

# bumped CONTRACT...: all of it, in a copy of its own.
bumped() {
	rm -rf "$copy"
	mkdir -p "$copy"
	(cd "$root" && git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
		tar --null --files-from=- -cf -) | tar -C "$copy" -xf -
	cd "$copy"
	# The tests of what the history of a checkout says need one.
	git init --quiet
	git add --all
	git -c user.name=check -c user.email=check@localhost commit --quiet --message=copy
	local contracts=("$@")
	if [ "${#contracts[@]}" = 0 ]; then
		mapfile -t contracts < <(kho_abi layout --format json | python3 -c '
import json, sys
for header in json.load(sys.stdin)["headers"]:
    for contract in header["contracts"]:
        print(contract["compatible"])')
	fi
	[ "${#contracts[@]}" -gt 0 ] || die "there are no contracts" "see \`kho-abi layout\`"
	say "== ${contracts[*]}: released, and bumped"
	mkdir tree && cp -r c-headers/include tree/
	kho_abi freeze --release tree "${contracts[@]}"
	rm -r tree
	kho_abi bump "${contracts[@]}"
	say "== ${contracts[*]}: what was written is formatted, and fits together"
	cargo fmt --all -- --check
	kho_abi check
	say "== ${contracts[*]}: goldens are recorded"
	INSTA_UPDATE=always cargo test --quiet --locked --workspace --no-fail-fast
	say "== ${contracts[*]}: every test"
	INSTA_UPDATE=no cargo test --quiet --locked --workspace --no-fail-fast
	(cd kernel/test && CARGO_TARGET_DIR="$CARGO_TARGET_DIR/live-test" cargo test --quiet --locked --workspace)
	cd "$root"
	rm -rf "$copy"
}

begin=$SECONDS
if [ $# = 0 ]; then
	bumped
else
	for contract in "$@"; do
		bumped "$contract"
	done
fi
say "all passed, in $((SECONDS - begin)) s"
