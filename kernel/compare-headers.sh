#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Compiles the kernel's users of the handover ABI twice, with the headers that
# Linux comes with and with the generated ones, and compares the results: each
# struct in DWARF and BTF, and the object files without their debugging
# information, to the byte. If a macro is worded differently, a compiler may
# swap two slots of a function's stack; this is reported separately from other
# differences.
#
# Exit status: 0 all is the same, 1 something differs, 2 could not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"
[ $# -eq 0 ] || die "unknown argument '$1'" "usage: ${0##*/}"

built=$("$here/build.sh") || exit 2
value() { sed -n "s/^$1=//p" <<<"$built"; }
src=$(value kernel_src)
base=$(dirname "$src")
pristine=$("$root/tools/fetch-linux.sh") || exit 2
generated="$root/c-headers/include"
abi=linux/kho/abi

# The kernel that the live-update test boots has the generated headers.
for header in "$generated/$abi"/*.h; do
	cmp -s "$header" "$src/include/$abi/${header##*/}" ||
		die "the kernel was not built with $abi/${header##*/}" "look at patch_source() in kernel/build.sh"
done

key=$({
	cat "$0" "$here/configs/base.config" "$base/src.patched"
	gcc --version
	pahole --version
} | sha256sum | cut -c1-16)
result="$base/out/compare-headers-$key"
if [ -f "$result" ]; then
	cat "$result"
	exit 0
fi

exec 9>"$base/lock"
flock 9
build="$base/build-compare"
work=$(mktemp -d "$base/compare.XXXXXX")
trap 'rm -rf "$work"' EXIT

# logged COMMAND...: runs it with its output in a log.
logged() {
	"$@" >"$work/log" 2>&1 || {
		tail -n 40 "$work/log" >&2
		die "'$*' failed" "see the lines above"
	}
}
kmake() { make -C "$src" O="$build" "$@"; }

# --- A build directory, with only what compiling an object needs --------------------

# Keep debugging information, without Rust, and with the tests that use the ABI.
if [ "$(cat "$build/.key" 2>/dev/null)" != "$key" ]; then
	say "preparing"
	rm -rf "$build"
	mkdir -p "$build"
	cat >"$work/fragment" <<-'FRAGMENT'
		# CONFIG_RUST is not set
		# CONFIG_DEBUG_INFO_BTF is not set
		# CONFIG_BPF_SYSCALL is not set
		CONFIG_KEXEC_HANDOVER_DEBUG=y
		CONFIG_RUNTIME_TESTING_MENU=y
		CONFIG_TEST_KEXEC_HANDOVER=y
		CONFIG_LIVEUPDATE_TEST=y
	FRAGMENT
	logged kmake -s tinyconfig
	KCONFIG_CONFIG="$build/.config" logged "$src/scripts/kconfig/merge_config.sh" -m -O "$build" \
		"$build/.config" "$here/configs/base.config" "$work/fragment"
	logged kmake -s olddefconfig
	logged kmake -j"${KHO_ABI_JOBS:-$(nproc)}" prepare
	echo "$key" >"$build/.key"
fi

# Every file that includes an ABI header, and everything else in
# kernel/liveupdate.
mapfile -t sources < <(cd "$src" && {
	grep -rl "#include <$abi/" --include='*.c' arch/x86 kernel lib mm
	find kernel/liveupdate lib/tests/liveupdate.c -name '*.c'
} | grep -v kernel/liveupdate/tests/ | LC_ALL=C sort -u)
objects=("${sources[@]/%.c/.o}")
[ "${#objects[@]}" -ge 8 ] || die "only ${#objects[@]} files include <$abi/...>" "look at the list in ${0##*/}"

# --- Compiling and comparing --------------------------------------------------------

# compile NAME HEADERS: the objects, made with the headers of a directory, in $work/NAME.
compile() {
	local object
	# The same path for all, so that paths make no difference.
	rm -rf "$work/headers"
	mkdir -p "$work/headers/linux/kho" "$work/$1"
	cp -r "$2" "$work/headers/$abi"
	# Before the kernel's own directories, which are searched later.
	logged kmake -j"${KHO_ABI_JOBS:-$(nproc)}" "NOSTDINC_FLAGS=-nostdinc -I$work/headers" "${objects[@]}"
	for object in "${objects[@]}"; do
		grep -q "$work/headers/$abi/" "$build/$(dirname "$object")/.$(basename "$object").cmd" ||
			[[ $object = kernel/liveupdate/* ]] || die "$object was made without an ABI header" "look at its .cmd file in $build"
		cp "$build/$object" "$work/$1/${object//\//-}"
		rm "$build/$object"
	done
}

structs=$(sed -n 's/^\(struct\|union\) \([a-z0-9_]*\) {.*/\2/p' "$pristine/include/$abi"/*.h | LC_ALL=C sort -u)
enums=$(sed -n 's/^enum \([a-z0-9_]*\) {.*/\1/p' "$pristine/include/$abi"/*.h | LC_ALL=C sort -u)

# layouts FORMAT FILE: the ABI's structs and enumerations as the file has them.
# Given several names, pahole stops at the first that does not exist.
layouts() {
	local name
	pahole -F "$1" "$2" 2>/dev/null | awk -v names="$structs" '
		BEGIN { split(names, list, "\n"); for (i in list) wanted[list[i]] = 1 }
		/^(struct|union) / { show = $2 in wanted }
		show
		/^}/ { show = 0 }' || true
	for name in $enums; do
		pahole -F "$1" -C "$name" "$2" 2>/dev/null || true
	done
}

# but_for_slots FILE: each section, and .text as instructions without the
# offsets of stack slots.
but_for_slots() {
	objdump -sr "$1" | awk '/^Contents of section / { skip = $4 == ".text:" } !skip' | tail -n +4
	objdump -dr --no-show-raw-insn -j .text "$1" | tail -n +4 | sed 's/-\{0,1\}0x[0-9a-f]*(%rsp)/SLOT/g'
}

# compare A B: reports what differs.
compare() {
	local path name
	for path in "$work/$1"/*.o; do
		name=${path##*/}
		for side in "$1" "$2"; do
			layouts dwarf "$work/$side/$name" >"$work/$side/$name.dwarf"
			pahole --btf_encode_detached="$work/$side/$name.raw" "$work/$side/$name" 2>/dev/null || true
			[ ! -s "$work/$side/$name.raw" ] || layouts btf "$work/$side/$name.raw" >"$work/$side/$name.btf"
			objcopy --strip-debug "$work/$side/$name" "$work/$side/$name.code"
		done
		for what in dwarf btf; do
			diff -u --label "$1/$name ($what)" --label "$2/$name ($what)" \
				"$work/$1/$name.$what" "$work/$2/$name.$what" || true
		done
		if cmp -s "$work/$1/$name.code" "$work/$2/$name.code"; then
			continue
		elif cmp -s <(but_for_slots "$work/$1/$name.code") <(but_for_slots "$work/$2/$name.code"); then
			echo "$name" >>"$work/$2/slots"
		else
			echo "$name: the code differs"
		fi
	done
}

say "compiling ${#objects[@]} files with each set of headers"
compile own "$pristine/include/$abi"
compile generated "$generated/$abi"
compare own generated >"$work/differences"
if [ -s "$work/differences" ]; then
	cat "$work/differences"
	printf '%s: the generated headers change what the kernel is made of\n  help: see the lines above\n' "${0##*/}" >&2
	exit 1
fi
# Prove that silence is meaningful: every struct was seen, and a change is
# noticed.
for what in dwarf btf; do
	for name in $structs $enums; do
		grep -qE "^(struct|union|enum) $name \{" "$work/generated"/*."$what" ||
			die "no object has $name in its $what" "look at the list of files in ${0##*/}"
	done
done
cp -r "$generated/$abi" "$work/changed-headers"
sed -i -e '/^static_assert(.*;$/d' -e '/^static_assert(/,/;$/d' -e '/^struct luo_file_ser {/,/^}/{s/u64 data;/u64 swap;/;s/u64 token;/u64 data;/;s/u64 swap;/u64 token;/}' \
	"$work/changed-headers/luo.h"
compile changed "$work/changed-headers"
compare own changed >"$work/differences"
for wanted in '^-.*data;.*48 ' '^+.*data;.*56 ' '(btf)$' 'luo_file.o: the code differs$'; do
	grep -q -- "$wanted" "$work/differences" ||
		die "two fields change places, and the comparison does not say '$wanted'" "look at compare() in ${0##*/}"
done

slots=$(cat "$work/generated/slots" 2>/dev/null || true)
{
	printf '%d structs and enumerations: the same in DWARF and BTF with either headers\n' "$(wc -w <<<"$structs $enums")"
	printf '%d objects: the same to the byte' $((${#objects[@]} - $(wc -w <<<"$slots")))
	[ -z "$slots" ] || printf '; but for the order of slots on the stack: %s' "$slots"
	printf '\n'
} | tee "$result"
