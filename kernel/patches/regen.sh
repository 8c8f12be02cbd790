#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Puts the generated C headers into the patch that adds them to the kernel, or,
# with --check, reports whether the patch has them.
#
# Exit status: 0 the patch has them, 1 it does not (--check), 2 could not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

header=include/linux/kho/abi/vfio_pci.h
generated="$root/c-headers/$header"

check=
case "${1:-}" in
'') ;;
--check) check=1 ;;
*) die "unknown argument '$1'" "usage: ${0##*/} [--check]" ;;
esac

[ -f "$generated" ] || die "there is no c-headers/$header" "run 'kho-abi generate'"
patch=$(grep -lxF "+++ b/$header" "$here"/*.patch) || die "no patch adds $header" "restore the series from git"
[ "$(wc -l <<<"$patch")" = 1 ] || die "more than one patch adds $header" "merge them"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Only the header's section changes; the message and the other files of the
# patch stay.
sed '/^---$/q' "$patch" >"$work/message"
awk -v section="diff --git a/$header b/$header" '
	/^diff --git / { started = 1; skip = ($0 == section) }
	started && !skip' "$patch" >"$work/sections"

lines=$(wc -l <"$generated")
{
	echo "diff --git a/$header b/$header"
	echo "new file mode 100644"
	echo "index 000000000000..$(git hash-object "$generated" | cut -c1-12)"
	echo "--- /dev/null"
	echo "+++ b/$header"
	echo "@@ -0,0 +1,$lines @@"
	sed 's/^/+/' "$generated"
} >>"$work/sections"

{
	cat "$work/message"
	(cd "$work" && git apply --stat --summary sections)
	echo
	cat "$work/sections"
} >"$work/patch"

if [ -z "$check" ]; then
	cmp -s "$work/patch" "$patch" || cp "$work/patch" "$patch"
	exit 0
fi
name="kernel/patches/$(basename "$patch")"
diff -u --label "$name" --label "$name (regenerated)" "$patch" "$work/patch" || {
	printf '%s: %s is not what c-headers/ holds\n  help: run kernel/patches/regen.sh\n' "${0##*/}" "$name" >&2
	exit 1
}
