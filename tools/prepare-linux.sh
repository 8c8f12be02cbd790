#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Prints a build directory of Linux for the smallest 64-bit configuration.
#
#   prepare-linux.sh                   for this machine: headers and out-of-tree objects compile
#   prepare-linux.sh --headers ARCH    for another machine, as the kernel names it (x86_64, arm64,
#                                      riscv, s390): its generated headers, configured for clang
#
# The source is what fetch-linux.sh prints, so LINUX_SRC=DIR takes precedence. The directory is in
# the cache, one for each source, configuration and compiler; a second run only prints it. The
# source itself is never written.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"

usage="usage: ${0##*/} [--headers x86_64|arm64|riscv|s390]"
arguments=("LC_ALL=C")
case "$#:${1:-}" in
0:)
	arch=$(uname -m)
	kind=prepared
	targets=(modules_prepare)
	# With a plain `x86`, the smallest configuration could be 32-bit.
	[ "$arch" != x86_64 ] || arguments+=(ARCH=x86_64)
	install_packages gcc libc6-dev make flex bison bc libelf-dev libssl-dev perl python3
	compiler=$(gcc -dumpfullversion)
	;;
2:--headers)
	case "$2" in
	x86_64 | arm64 | riscv | s390) arch=$2 ;;
	*) die "unknown machine '$2'" "$usage" ;;
	esac
	kind=headers
	targets=(include/config/auto.conf asm-generic)
	arguments+=("ARCH=$arch" LLVM=-19)
	install_packages gcc libc6-dev make flex bison bc perl python3 clang-19 lld-19 llvm-19
	compiler=$(clang-19 -dumpversion)
	;;
*) die "unknown arguments '$*'" "$usage" ;;
esac

source_dir=$("$here/fetch-linux.sh")
version=$(make -s -C "$source_dir" kernelversion)
options='CONFIG_64BIT=y
CONFIG_MODULES=y'

# A build directory depends on the path of its source, and on its compiler.
key=$(printf '%s\n' "$source_dir" "$options" "${targets[*]}" "$compiler" | sha256sum | cut -c 1-12)
cache=$(cache_dir)
build="$cache/linux-$version-$kind-$arch-$key"
log="$build.log"
# Written last: a directory without it is what an interrupted run left behind.
complete="$build/.complete"

exec 9>"$build.lock"
flock 9
if [ ! -f "$complete" ]; then
	say "preparing Linux $version for $arch, log in $log"
	rm -rf "$build"
	mkdir "$build"
	: >"$log"
	kernel_make() {
		PYTHONDONTWRITEBYTECODE=1 make -C "$source_dir" "O=$build" "${arguments[@]}" "$@" >>"$log" 2>&1 </dev/null
	}
	{
		kernel_make tinyconfig &&
			printf '%s\n' "$options" >>"$build/.config" &&
			kernel_make olddefconfig &&
			kernel_make "-j$(nproc)" "${targets[@]}"
	} || {
		tail -n 20 "$log" >&2
		die "Linux $version cannot be prepared for $arch" "see $log"
	}
	while read -r option; do
		grep -qx "$option" "$build/.config" || die "the configuration refuses $option" "see $log"
	done <<<"$options"
	: >"$complete"
fi
echo "$build"
