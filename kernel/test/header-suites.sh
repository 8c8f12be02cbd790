#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs the KUnit suites that kho-abi writes for headers in C inside a kernel: those of the kernel's
# own headers, as people wrote them, and of a made-up one with everything that a suite can state.
# Every case must pass. Then some of the headers are changed, and the same suites must fail.
#
# Exit status: 0 passed, or skipped with a clear message; 1 a check failed; 2
# could not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

# Only skip for what this machine cannot have at all.
skip() {
	printf 'TAP version 13\n1..0 # SKIP %s\n' "$1"
	printf '\n*** THE SUITES OF HEADERS DID NOT RUN: %s ***\n\n' "$1" >&2
	exit 0
}

if ! command -v qemu-system-x86_64 >/dev/null; then
	(install_packages qemu-system-x86 seabios) || skip "QEMU is not here and cannot be installed"
fi
[ -n "${LINUX_SRC:-}" ] || "$root/tools/fetch-linux.sh" >/dev/null || skip "the Linux source cannot be had"
pristine=$("$root/tools/fetch-linux.sh")
kernel=$("$root/kernel/build.sh")
value() { sed -n "s/^$1=//p" <<<"$kernel"; }
(cd "$root" && cargo build --quiet --locked -p kho-abi --bin kho-abi) ||
	die "kho-abi does not build" "see the lines above"
program="${CARGO_TARGET_DIR:-$root/target}/debug/kho-abi"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
abi=include/linux/kho/abi
tests=kernel/liveupdate/tests
logs="$(cache_dir)/live-test/logs/header-suites"
mkdir -p "$logs" "$work/tree/include/linux/kho"

# --- The suites: made once, of the headers as they are ---------------------------

cp -r "$pristine/$abi" "$work/tree/$abi"
cp "$root/cli/tests/suites/odd.h" "$work/tree/$abi"
(cd "$work/tree" && "$program" init && "$program" generate && "$program" check) >"$logs/generate.log" 2>&1 ||
	die "the suites cannot be made" "see $logs/generate.log"
gcc -static -O2 -Wall -Werror -o "$work/init" "$here/header-suites/init.c"

# boot NAME: compiles the suites with the headers of a tree, runs them, and keeps the kernel's log.
boot() {
	local tree="$work/$1" log="$logs/$1.log" module
	sed -i "1i LINUXINCLUDE := -I$tree/include \$(LINUXINCLUDE)" "$tree/$tests/Makefile"
	mkdir "$tree/modules"
	make -C "$(value kernel_build)" M="$tree/$tests" MO="$tree/modules" CONFIG_KHO_ABI_KUNIT_TEST=m modules \
		>"$logs/$1-build.log" 2>&1 || die "the suites do not compile" "see $logs/$1-build.log"
	{
		echo "dir /dev 755 0 0"
		echo "nod /dev/console 600 0 0 c 5 1"
		echo "nod /dev/ttyS1 600 0 0 c 4 65"
		echo "file /init $work/init 755 0 0"
		echo "dir /suites 755 0 0"
		for module in "$tree"/modules/*.ko; do
			echo "file /suites/${module##*/} $module 644 0 0"
		done
	} >"$tree/list"
	"$(value gen_init_cpio)" "$tree/list" >"$tree/initramfs"
	: >"$log" && : >"$log.init"
	timeout --kill-after=10 600 qemu-system-x86_64 -machine q35,accel=tcg -cpu max -m 512M -nodefaults \
		-no-reboot -display none -serial "file:$log" -serial "file:$log.init" \
		-kernel "$(value bzImage)" -initrd "$tree/initramfs" \
		-append "console=ttyS0 kunit.enable=1 panic=-1" || die "QEMU ended with $?" "see $log"
	{ grep -q '^all loaded' "$log.init" && ! grep -q '^not loaded' "$log.init"; } ||
		die "the kernel did not load the suites" "see $log and $log.init"
}

# outcome LOG SUITE CASE: `ok`, `not ok`, or nothing if the case did not run.
outcome() {
	tr -d '\r' <"$1" | sed 's/^\[ *[0-9.]*\] *//' | sed -n "/^# Subtest: $2\$/,/ok [0-9]* $2\$/p" |
		sed -nE "s/^ *((not )?ok) [0-9]+ $3( .*)?\$/\1/p" | head -n 1
}

number=0 failed=0
report() {
	number=$((number + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $number - $3"
	else
		echo "not ok $number - $3: '$1', and not '$2'"
		failed=1
	fi
}

cp -r "$work/tree" "$work/changed"
echo "TAP version 13"
boot tree
cases=0
for suite in "$work/tree/$tests"/*_kunit.c; do
	name=$(basename "$suite" _kunit.c)
	mapfile -t names < <(sed -n 's/^\tKUNIT_CASE(\(.*\)),$/\1/p' "$suite")
	for case in "${names[@]}"; do
		report "$(outcome "$logs/tree.log" "$name" "$case")" ok "$name: $case passes"
		cases=$((cases + 1))
	done
done
# The present number for Linux 7.3 and the made-up header, so that none gets lost.
[ "$cases" -ge 42 ] || report "$cases cases" "at least 42 cases" "every suite has its cases"

# --- The same suites, and other headers -------------------------------------------

# change FILE FROM TO: replaces what stands there once.
change() {
	local file="$work/changed/$abi/$1"
	[ "$(perl -0777 -ne 'print scalar(() = /\Q'"$2"'\E/g)' "$file")" = 1 ] ||
		die "$1 of this kernel is another one" "change what header-suites.sh replaces in it"
	perl -0777 -pi -e 's/\Q'"$2"'\E/'"$3"'/' "$file"
}
change luo.h $'\tu64 data;\n\tu64 token;\n' $'\tu64 token;\n\tu64 data;\n'
change memfd.h 'BIT(1)' 'BIT(2)'
change kexec_handover.h '"preserved-data"' '"preserved_data"'
change odd.h $'u64 pfn:52;\n\tu64 flags:12;' $'u64 pfn:51;\n\tu64 flags:13;'
boot changed
for one in kho_abi_luo:luo_file_ser_layout kho_abi_memfd:constants kho_abi_kexec_handover:strings \
	kho_abi_odd:odd_entry_ser_bits; do
	report "$(outcome "$logs/changed.log" "${one%:*}" "${one#*:}")" "not ok" "a changed header fails ${one/:/: }"
done
for one in kho_abi_block:kho_block_header_ser_layout kho_abi_memfd:memfd_luo_ser_layout kho_abi_odd:odd_natural_ser_layout; do
	report "$(outcome "$logs/changed.log" "${one%:*}" "${one#*:}")" ok "what did not change passes ${one/:/: }"
done
echo "1..$number"
exit "$failed"
