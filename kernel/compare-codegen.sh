#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Compares the object code that fills and reads the wire struct, in Rust, with
# that of the same code in C. The kernel's own build compiles both; sizes are
# compared to the byte.
#
# Exit status: 0 Rust's is no larger, 1 it is larger, 2 could not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

disassemble=
case "${1:-}" in
'') ;;
-d | --disassemble) disassemble=1 ;;
*) die "unknown argument '$1'" "usage: ${0##*/} [--disassemble]" ;;
esac

build=$("$here/build.sh" | sed -n 's/^kernel_build=//p') || die "the kernel does not build" "see the lines above"
[ -n "$build" ] || die "the kernel does not build" "see the lines above"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make -C "$build" M="$here/module" MO="$work" record_c.o record_rust.o >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	die "record_c.c and record_rust.rs do not build" "see the lines above"
}

# size LANGUAGE FUNCTION: its size in bytes.
size() {
	local size
	size=$(nm -S "$work/record_$1.o" | awk -v name="$1_record_$2" '$4 == name { print "0x" $2 }')
	[ -n "$size" ] || die "$1_record_$2 is not in record_$1.o" "see 'nm' of it"
	echo $((size))
}

worse=0
printf '%-20s %8s %8s\n' 'bytes of code' C Rust
for function in fill read; do
	c=$(size c "$function")
	rust=$(size rust "$function")
	printf '%-20s %8d %8d\n' "$function" "$c" "$rust"
	[ "$rust" -le "$c" ] || worse=1
done
if [ -n "$disassemble" ]; then
	objdump -dr --no-show-raw-insn "$work/record_c.o" "$work/record_rust.o" | grep -v '^$'
fi
if [ "$worse" = 1 ]; then
	printf '%s: the Rust code is larger than the C code\n  help: run it with --disassemble\n' "${0##*/}" >&2
fi
exit "$worse"
