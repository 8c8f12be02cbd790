#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Tests the example of a crate outside the workspace, examples/own-contract: what is made of its types is what
# it has, and what is not agreed on fails its test, in words. Changes are made to a copy.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
top=$(cd "$here/.." && pwd)
# What is compiled already is not compiled again. No other version of a package comes in.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$top/target}"
example=$top/examples/own-contract
unset KHO_ABI_WRITE KHO_ABI_RELEASE KHO_ABI_ALLOW_UNCHECKED
copy=$CARGO_TARGET_DIR/own-contract
# A copy that a failed run left would be what cargo takes the example for, which has its name.
rm -rf "$copy"

cargo fmt --manifest-path "$example/Cargo.toml" -- --check
cargo test --quiet --offline --locked --manifest-path "$example/Cargo.toml"

cp -R "$example" "$copy"
sed -i "s|\"../../|\"$top/|" "$copy/Cargo.toml"
wire=$copy/src/log_ring.rs
in_git() { git -C "$copy" -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false "$@"; }
in_git init --quiet
in_git add .
in_git commit --quiet --message 'the example'

# ran [VARIABLE=VALUE...]: runs the test of the copy, and keeps what it says.
ran() { said=$(env "$@" cargo test --quiet --offline --manifest-path "$copy/Cargo.toml" --test abi 2>&1); }

# passes [VARIABLE=VALUE...]: the test of the copy must pass.
passes() { ran "$@" || die "the copy's test fails: $said" "see $copy"; }

# fails WORDS...: the test of the copy must fail, and say all of this.
fails() {
	! ran || die "the copy's test passes, and should say: $1" "see $copy"
	for words in "$@"; do
		case $said in
		*"$words"*) ;;
		*) die "the copy's test does not say: $words; it says: $said" "see $copy" ;;
		esac
	done
}

# change SED...: changes the wire file, from what the example has.
change() {
	in_git checkout --quiet .
	for edit in "$@"; do
		before=$(cat "$wire")
		sed -i "$edit" "$wire"
		[ "$before" != "$(cat "$wire")" ] || die "$edit changes nothing" "see $wire"
	done
}

smaller=(
	's/pub nr_records: u64/pub nr_records: u32/' 's/=> nr_records: u64/=> nr_records: u32/'
	's/24 => flags/20 => flags/' 's/28 => size/24 => size/' 's/32 => texts/28 => texts/'
	's/48 => newest/44 => newest/' 's/size 80,/size 76,/'
)

say 'own crate: a field alone'
change "${smaller[0]}"
fails "log_ring_ser.nr_records takes 4 bytes, but wire_layout! says" \
	'a layout released as "log-ring-v1" never changes: undo the change, or give the changed layout a new version'

say 'own crate: the field and its numbers'
change "${smaller[@]}"
# shellcheck disable=SC2016
fails 'src/log_ring.rs:57: struct log_ring_ser: field `nr_records` was u64, 8 bytes at byte 16, is u32, 4 bytes at byte 16' \
	'layouts/log-ring-v1.layout has it released as "log-ring-v1" [frozen_layout_changed]' \
	"the struct's size went from 80 to 76 bytes" \
	'help: undo the change, or give it a new version: a string other than "log-ring-v1"' \
	'c-headers/include/linux/kho/abi/log_ring.h'
# What may be written is: headers, and nothing of a layout that is released.
if ran KHO_ABI_WRITE=1; then die 'a change passes because it was written' "see $copy"; fi
case $said in *frozen_layout_changed*) ;; *) die "it fails for another reason: $said" "see $copy" ;; esac
in_git diff --quiet -- layouts || die 'a released layout was overwritten' "see $copy"

say 'own crate: the field, its numbers and the frozen layout'
sed -i -e 's/size 80 /size 76 /' -e 's/^      16       8  u64 /      16       4  u32 /' -e 's/^      24       4/      20       4/' \
	-e 's/^      28       4/      24       4/' -e 's/^      32      16/      28      16/' -e 's/^      48  /      44  /' \
	"$copy/layouts/log-ring-v1.layout"
fails 'layouts/log-ring-v1.layout: the frozen layout differs from what commit' '[frozen_file_changed]' \
	'a new layout needs a new version in the string'

say 'own crate: the field, its numbers and a new version'
change "${smaller[@]}" 's/"log-ring-v1"/"log-ring-v2"/'
fails 'the contract "log-ring-v2" has no frozen layout [frozen_layout_missing]' 'KHO_ABI_WRITE=1 cargo test'
passes KHO_ABI_WRITE=1
passes
grep -q '^status      draft$' "$copy/layouts/log-ring-v2.layout" || die 'no draft was written' "see $copy"
passes KHO_ABI_RELEASE=log-ring-v2
grep -q '^status      released$' "$copy/layouts/log-ring-v2.layout" || die 'nothing was released' "see $copy"
in_git diff --quiet -- layouts/log-ring-v1.layout || die 'the earlier layout changed' "see $copy"

say 'own crate: a history that is cut off'
in_git add .
in_git commit --quiet --message 'the second version'
in_git rev-parse HEAD >"$copy/.git/shallow"
# shellcheck disable=SC2016
fails 'unknown whether 2 released layouts were edited: the history is cut off: run `git fetch --unshallow`' \
	'the full history, or accept that with KHO_ABI_ALLOW_UNCHECKED=1'
passes KHO_ABI_ALLOW_UNCHECKED=1
rm -rf "$copy"
