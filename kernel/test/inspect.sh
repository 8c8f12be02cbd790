#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Takes an image of a real kernel's memory between two kernels, in each format, and compares what
# kho-abi-inspect shows with what the init program preserved. It does the same with a vmcore, with
# makedumpfile's dumps of it, with a guest that has this memory, through its monitor and through its
# gdb stub, and with the tools for which bindings/ exists.
#
# Exit status: 0 passed, or skipped with a clear message; 1 a check failed; 2
# could not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

images=$(mktemp -d)
trap 'rm -rf "$images"' EXIT

paths=
for format in raw elf kdump; do
	"$here/run.sh" image --format "$format" -o "$images/$format"
	# If the machine cannot run the test, run.sh has reported that.
	[ -e "$images/$format" ] || exit 0
	paths="$paths${paths:+:}$images/$format"
done

vmlinux=$("$root/kernel/build.sh" | sed -n 's/^vmlinux=//p')
"$root/tools/check-bindings.sh" "$images/raw" "$images/elf" "$images/elf.json" "$vmlinux"

# What a crash kernel would see in /proc/vmcore, and makedumpfile's dumps of it, with each
# compression. The kernel is too new for makedumpfile, which warns about that; dump levels above 1
# are not used, since they read the kernel's own structs.
install_packages makedumpfile
"$here/as-vmcore.py" "$images/elf" "$images/vmcore"
cp "$images/elf.json" "$images/vmcore.json"
paths="$paths:$images/vmcore"
for how in "-c -d 1" "-l -d 0" "-p -d 0" "-z -d 0"; do
	dump=$images/makedumpfile${how// /}
	# shellcheck disable=SC2086 # Each word is an option.
	makedumpfile $how "$images/vmcore" "$dump" >"$dump.log" 2>&1 ||
		die "makedumpfile $how cannot read the vmcore: $(tail -n 3 "$dump.log")" "see kernel/test/as-vmcore.py"
	cp "$images/elf.json" "$dump.json"
	paths="$paths:$dump"
done

# A guest whose memory is a copy of that image, and whose processor is not started: its monitor and
# its gdb stub must give the same result. Neither starts the processor.
size=$(stat -c %s "$images/raw")
qemu-system-x86_64 -S -display none -vga none -nodefaults \
	-machine q35,accel=tcg,memory-backend=ram -m "$((size >> 20))M" \
	-object "memory-backend-file,id=ram,size=$size,mem-path=$images/raw,share=off" \
	-qmp "unix:$images/monitor,server=on,wait=off" \
	-chardev "socket,id=stub,path=$images/stub,server=on,wait=off" -gdb chardev:stub &
guest=$!
trap 'kill "$guest" 2>/dev/null || true; rm -rf "$images"' EXIT
for _ in $(seq 100); do
	[ -S "$images/monitor" ] && [ -S "$images/stub" ] && break
	sleep 0.1
done

cd "$root"
# As in run.sh.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
KHO_ABI_GUEST=$images/monitor KHO_ABI_STUB=$images/stub KHO_ABI_GUEST_RECORD=$images/raw.json \
	KHO_ABI_IMAGES=$paths cargo test --quiet --locked --release -p kho-abi-inspect \
	--test real_image -- --include-ignored --nocapture
