#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Builds the book into target/book/html, and checks it: examples run, links lead somewhere, the search has its
# index, and docutils takes the reStructuredText that `kho-abi layout` writes.
#
# cargo installs mdBook and pip docutils, in fixed versions, into the cache.
#
# Exit status: 0 passed; 1 a check failed; 2 could not run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
cd "$here/.."

mdbook_version=0.5.4
docutils_version=0.22.4

install_packages git python3 python3-venv

tools=$(cache_dir)/book/mdbook-$mdbook_version-docutils-$docutils_version
if [ ! -x "$tools/bin/mdbook" ]; then
	say "installing mdBook $mdbook_version into $tools"
	# What it is built in is not kept.
	build=$(mktemp -d)
	cargo install --quiet --locked --no-default-features --features search --root "$tools" --target-dir "$build" \
		"mdbook@$mdbook_version" ||
		{ rm -rf "$build"; die "cargo cannot install mdBook" "check the connection to the network"; }
	rm -rf "$build"
fi
if [ ! -e "$tools/venv/complete" ]; then
	say "installing docutils $docutils_version into $tools"
	rm -rf "$tools/venv"
	python3 -m venv "$tools/venv"
	"$tools/venv/bin/pip" install --quiet --disable-pip-version-check "docutils==$docutils_version" ||
		die "pip cannot install docutils" "check the connection to PyPI"
	touch "$tools/venv/complete"
fi

# As the tests are built, so that after them nothing is.
cargo build --quiet --locked --workspace --bins --example synth
bin=${CARGO_TARGET_DIR:-target}/debug
out=${CARGO_TARGET_DIR:-target}/book

"$bin/kho-abi-book" write --root . --kho-abi "$bin/kho-abi" --synth "$bin/examples/synth" "$out"
"$tools/bin/mdbook" build "$out"
"$bin/kho-abi-book" check "$out/html"

# docutils ends with a status of its own at the first warning. The second sheet is of a header whose comments
# are full of its marks.
mkdir -p "$out/marks/include/linux/kho/abi"
cat >"$out/marks/include/linux/kho/abi/marks.h" <<'HEADER'
#include <linux/types.h>
/**
 * DOC: .. marks:: *and* |more| of_ `them
 */
#define MARKS_LUO_FH_COMPATIBLE "marks-v1"
/**
 * struct marks_ser - *bold, a_link_ and `a`b ``c`` [1]_ ::
 * @one: - a bullet |sub| :role:`x`
 * @two: 1. a number \\ __ <x> ====
 * @three: .. comment:: ``
 */
struct marks_ser { u16 one; u16 two; u32 three; } __packed;
HEADER
touch "$out/marks/kho-abi.toml"
"$bin/kho-abi" layout --format rst >"$out/layouts.rst"
"$bin/kho-abi" layout --format rst --root "$out/marks" >"$out/marks.rst"
for sheet in layouts marks; do
	grep -q '^``struct ' "$out/$sheet.rst" || die "$out/$sheet.rst shows no struct" "run \`kho-abi layout --format rst\` by hand"
	"$tools/venv/bin/docutils" --report=info --halt=warning "$out/$sheet.rst" "$out/$sheet.html" || {
		say "docutils does not take $out/$sheet.rst"
		exit 1
	}
done
say "the book is $out/html/index.html"
