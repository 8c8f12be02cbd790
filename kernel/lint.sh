#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Checks the series and the module by the kernel's own rules: checkpatch and
# kernel-doc, rustfmt, clippy, and compilers with all warnings.
#
# Exit status: 0 nothing found, 1 something was, 2 could not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"
[ $# -eq 0 ] || die "unknown argument '$1'" "usage: ${0##*/}"

built=$("$here/build.sh") || exit 2
value() { sed -n "s/^$1=//p" <<<"$built"; }
src=$(value kernel_src)
build=$(value kernel_build)
module=$(value module)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# found WHAT FILE: reports a tool's output, if there is any.
found() {
	if [ -s "$2" ]; then
		say "$1:"
		cat "$2" >&2
		bad=1
	fi
}

# --no-tree: checkpatch looks for the tree around the working directory.
for patch in "$here"/patches/*.patch; do
	(cd "$src" && scripts/checkpatch.pl --strict --no-tree --terse --no-summary "$patch") >"$work/out" 2>&1 || true
	found checkpatch "$work/out"
done
for file in "$root"/c-headers/include/linux/kho/abi/*.h "$root"/c-headers/kernel/liveupdate/tests/*; do
	"$src/scripts/kernel-doc" -none "$file" || true
	(cd "$src" && scripts/checkpatch.pl --strict --no-tree --terse --no-summary -f "$file") || true
done >"$work/out" 2>&1
found 'kernel-doc and checkpatch' "$work/out"

# Through standard input: otherwise rustfmt would follow the module into the
# wire source, which has another style.
# shellcheck disable=SC2094 # diff reads, and writes nothing
for file in "$here"/module/*.rs; do
	rustfmt --config-path "$src/.rustfmt.toml" --edition 2021 <"$file" | diff -u --label "$file" --label formatted "$file" - || true
done >"$work/out" 2>&1
found rustfmt "$work/out"

make -C "$build" M="$here/module" MO="$work/module" CLIPPY=1 W=1 modules record_c.o record_rust.o >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	die "the module does not build" "see the lines above"
}
make -C "$build" M="$root/c-headers/kernel/liveupdate/tests" MO="$work/unit-tests" W=1 CONFIG_KHO_ABI_KUNIT_TEST=m modules >>"$work/log" 2>&1 || {
	cat "$work/log" >&2
	die "the unit tests do not build" "see the lines above"
}
grep -E -A 20 '^(warning|error)|: (warning|error): ' "$work/log" >"$work/out" || true
found "CLIPPY=1 W=1" "$work/out"

# The module's own debugging information contains the wire type.
pahole --lang=rust -C vfio_pci_core_device_ser "$module" >"$work/pahole" 2>/dev/null || true
grep -q 'size: 4, .*members: 2' "$work/pahole" || {
	say "pahole does not find the wire type in the module:"
	cat "$work/pahole" >&2
	bad=1
}

[ "$bad" = 0 ] || {
	printf '%s: there are findings\n  help: see the lines above\n' "${0##*/}" >&2
	exit 1
}
