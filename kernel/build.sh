#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Builds a patched Linux and the live update module for it, and prints where
# they are as key=value lines. Everything else goes to stderr.
#
# A build is kept in the cache, by the state of the source, the patches, the
# configuration and the toolchain. A second run finds it; a change to the module
# rebuilds only the module; other changes rebuild what they affect.
# shellcheck disable=SC2317 # functions are called through logged()
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

usage() {
	cat <<'USAGE'
usage: kernel/build.sh [--flavour base|v2|debug]

  base   the kernel and the module (the default)
  v2     the same kernel; the module registers as "vfio-pci-v2" (for tests)
  debug  a kernel that checks itself: lockdep, KASAN, kmemleak and more

Prints, on success:
  bzImage=        the kernel to boot
  vmlinux=        the same, with symbols (and, but for debug, DWARF and BTF)
  module=         kho_vfio_pci.ko
  unit_tests=     a directory with a module for each header's unit tests
  selftests=      a directory with the kernel's own tests of live update, for
                  any machine: programs without dependencies
  gen_init_cpio=  the kernel's tool that makes an initramfs
  kernel_src=     the patched source
  kernel_build=   its build directory, for modules of one's own
  config=         the configuration
  memory_mib=     the memory that a machine needs at least to live-update it
  cmdline=        what it needs on its command line beyond kho=on liveupdate=on

Environment:
  LINUX_SRC       a Linux source tree, unpacked and pristine; copied, not changed
  RUST_LIB_SRC    the library directory of a rust-src that matches rustc
  KHO_ABI_CACHE   where builds are kept
  KHO_ABI_JOBS    how many jobs to run; default: the number of processors

Exit status: 0 success, 2 anything else.
USAGE
}

flavour=base
while [ $# -gt 0 ]; do
	case "$1" in
	--flavour) flavour="${2:-}"; shift ;;
	--flavour=*) flavour="${1#*=}" ;;
	-h | --help) usage; exit 0 ;;
	*) die "unknown argument '$1'" "run ${0##*/} --help" ;;
	esac
	shift
done

# The flavours: a configuration, a compiler, and how the module is built.
kernel=$flavour
fragments=(base)
make_args=()
module_args=()
llvm=
memory_mib=320
cmdline=
case "$flavour" in
base) ;;
v2)
	kernel=base
	module_args+=(KHO_VFIO_PCI_SPEAK_V2=1)
	;;
debug)
	fragments+=(debug)
	llvm=19
	make_args+=("LLVM=-$llvm")
	# KASAN's shadow takes an eighth of the memory. The next kernel allocates it
	# from scratch memory, of which KHO would reserve too much by default.
	memory_mib=1536
	# While Linux identifies the boot processor, it briefly forgets that the
	# processor has five-level page tables. An interrupt at that moment makes
	# KASAN report wild accesses, so use four levels.
	cmdline='kho_scratch=32M,32M,448M no5lvl'
	;;
*) die "unknown flavour '$flavour'" "use base, v2 or debug" ;;
esac
[ "$(uname -m)" = x86_64 ] || die "this is not an x86-64 machine" "the configurations are only for x86-64"

jobs="${KHO_ABI_JOBS:-$(nproc)}"
cache=$(cache_dir)
bindgen_version=0.72.1
libclang=19

# --- Tools -------------------------------------------------------------------

packages=(bc bison dwarves flex gcc kmod libc6-dev libelf-dev libssl-dev make patch xz-utils zstd
	"libclang-$libclang-dev")
[ -z "$llvm" ] || packages+=("clang-$llvm" "lld-$llvm" "llvm-$llvm")
if command -v dpkg-query >/dev/null; then
	install_packages "${packages[@]}"
else
	for tool in bc bison flex gcc make pahole patch zstd; do
		command -v "$tool" >/dev/null || die "$tool is not installed" "install the equivalents of these Debian packages: ${packages[*]}"
	done
fi
command -v rustc >/dev/null || die "rustc is not installed" "install Rust 1.85 or newer, with clippy and rustfmt"

bindgen="$cache/tools/bindgen-$bindgen_version/bin/bindgen"
if [ ! -x "$bindgen" ]; then
	say "installing bindgen $bindgen_version"
	cargo install --quiet bindgen-cli --version "$bindgen_version" --locked \
		--root "$cache/tools/bindgen-$bindgen_version" >&2 ||
		die "cannot install bindgen-cli $bindgen_version" "see the lines above"
fi
export PATH="${bindgen%/*}:$PATH"
[ ! -d "/usr/lib/llvm-$libclang/lib" ] || export LIBCLANG_PATH="/usr/lib/llvm-$libclang/lib"

# --- What the build depends on -------------------------------------------------

pristine=$("$root/tools/fetch-linux.sh") || exit 2
RUST_LIB_SRC=$("$root/tools/fetch-linux.sh" --rust-src) || exit 2
export RUST_LIB_SRC

"$here/patches/regen.sh" --check >&2 ||
	die "the patch series does not carry the generated header" "run kernel/patches/regen.sh"

version=$(make -s -C "$pristine" kernelversion)
case "$version" in
7.3 | 7.3.*) ;;
*) say "warning: the patches are for Linux 7.3, this is $version" ;;
esac

digest() { sha256sum | cut -c1-16; }
files_digest() { (cd "$1" && shift && find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum); }
# Identify the content of a source tree by names, sizes and times: in a run that
# has nothing to do, reading all of it would take most of the time.
source_key=$(cd "$pristine" && find . -type f -printf '%P %s %T@\n' | LC_ALL=C sort | sha256sum | cut -c1-12)
toolchain_key=$({
	rustc --version
	echo "$RUST_LIB_SRC"
	"$bindgen" --version
	pahole --version
	if [ -n "$llvm" ]; then "clang-$llvm" --version; else gcc --version; fi
} | digest)
# The changes to the source: the series, and the headers that replace the
# kernel's own.
headers="$root/c-headers/include"
abi=linux/kho/abi
patches_key=$({ cat "$here"/patches/*.patch && files_digest "$headers" "$abi"; } | digest)
config_files=("${fragments[@]/#/$here/configs/}")
config_files=("${config_files[@]/%/.config}")
config_key=$(cat "${config_files[@]}" | digest)
kernel_key=$(echo "$source_key $toolchain_key $patches_key $config_key ${make_args[*]}" | digest)
module_key=$({
	echo "$kernel_key ${module_args[*]}"
	files_digest "$root" kernel/module abi/src/wire
} | digest)
suites="$root/c-headers/kernel/liveupdate/tests"
unit_tests_key=$({
	echo "$kernel_key"
	files_digest "$suites" .
} | digest)
selftests_key=$(echo "$source_key $patches_key $(gcc --version)" | digest)

base="$cache/kernel/linux-$version-$source_key"
src="$base/src"
build="$base/build-$kernel"
out="$base/out/$kernel-$kernel_key"
module_out="$base/out/module-$flavour-$module_key"
unit_tests_out="$base/out/unit-tests-$kernel-$unit_tests_key"
selftests_out="$base/out/selftests-$selftests_key"
mkdir -p "$base/out"

report() {
	touch "$out" "$module_out" "$unit_tests_out" "$selftests_out"
	cat <<-LINES
		bzImage=$out/bzImage
		vmlinux=$out/vmlinux
		module=$module_out/kho_vfio_pci.ko
		unit_tests=$unit_tests_out
		selftests=$selftests_out
		gen_init_cpio=$out/gen_init_cpio
		kernel_src=$src
		kernel_build=$build
		config=$out/config
		memory_mib=$memory_mib
		cmdline=$cmdline
	LINES
}

kernel_is_built() { [ "$(cat "$build/.key" 2>/dev/null)" = "$kernel_key" ] && [ -d "$out" ]; }

if kernel_is_built && [ -d "$module_out" ] && [ -d "$unit_tests_out" ] && [ -d "$selftests_out" ]; then
	report
	exit 0
fi

# One build at a time: they share the patched source.
exec 9>"$base/lock"
if ! flock -n 9; then
	say "waiting for another build to end"
	flock 9
fi

# logged NAME COMMAND...: runs a long command with its output in a log.
logged() {
	local log="$base/$1.log"
	shift
	if ! "$@" >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		die "'$(basename "$1")' failed" "see $log"
	fi
}

kmake() { make -C "$src" O="$build" "${make_args[@]}" "$@"; }

# --- The patched source ----------------------------------------------------------

# is_draft HEADER: whether no kernel has its contracts yet.
is_draft() {
	local layout
	for layout in "$root"/snapshots/*.layout; do
		! grep -qxF "header      $1" "$layout" || grep -qxF "status      draft" "$layout" || return 1
	done
	grep -qxF "header      $1" "$root"/snapshots/*.layout
}

# Brings the copy of the source from one state of the series to another.
# Unchanged files keep their times, so that they are not rebuilt.
patch_source() {
	if [ ! -f "$base/src.complete" ]; then
		say "copying the source"
		rm -rf "$src"
		cp -a --reflink=auto "$pristine" "$src"
		: >"$base/src.patched"
		touch "$base/src.complete"
	fi
	[ "$(cat "$base/src.patched")" != "$patches_key" ] || return 0

	local scratch file
	scratch=$(mktemp -d "$base/patch.XXXXXX")
	{
		sed -n 's,^+++ b/,,p' "$here"/patches/*.patch
		(cd "$headers/.." && find "include/$abi" -name '*.h')
	} | LC_ALL=C sort -u >"$scratch/files.new"
	# Restore files that only an earlier series changed.
	touch "$base/src.files"
	LC_ALL=C sort -u "$scratch/files.new" "$base/src.files" >"$scratch/files"
	while read -r file; do
		[ -f "$pristine/$file" ] || continue
		mkdir -p "$scratch/tree/$(dirname "$file")"
		cp -p "$pristine/$file" "$scratch/tree/$file"
	done <"$scratch/files"
	for patch in "$here"/patches/*.patch; do
		patch -d "$scratch/tree" -p1 -s --fuzz=0 --no-backup-if-mismatch <"$patch" >&2 ||
			die "$(basename "$patch") does not apply to Linux $version" "take a pristine Linux 7.3, or port the patch"
	done
	# Build the kernel with the generated headers instead of its own, so that
	# the test covers what users get. Each header must exist already, be one
	# that the series has just added, or be a draft, which only its unit tests
	# use in this kernel.
	for file in "$headers/$abi"/*.h; do
		[ -f "$scratch/tree/include/$abi/${file##*/}" ] || is_draft "$abi/${file##*/}" ||
			die "Linux $version has no include/$abi/${file##*/}" "take a Linux 7.3, or port the series"
		cp "$file" "$scratch/tree/include/$abi/${file##*/}"
	done
	# From here to the end, the source is between two states.
	: >"$base/src.patched"
	while read -r file; do
		if [ ! -f "$scratch/tree/$file" ]; then
			rm -f "$src/$file"
		elif ! cmp -s "$scratch/tree/$file" "$src/$file"; then
			mkdir -p "$(dirname "$src/$file")"
			rm -f "$src/$file"
			cp "$scratch/tree/$file" "$src/$file"
		fi
	done <"$scratch/files"
	mv "$scratch/files.new" "$base/src.files"
	rm -rf "$scratch"
	echo "$patches_key" >"$base/src.patched"
}

# --- The kernel --------------------------------------------------------------------

# Every option of the fragments must be set: kconfig silently drops an option
# whose dependencies are off.
check_config() {
	local line name missing=()
	while read -r line; do
		case "$line" in
		CONFIG_*=*)
			# A later fragment may override it.
			name="${line%%=*}"
			[ "$(cat "${config_files[@]}" | grep -E "^($name=|# $name is not set)" | tail -n 1)" = "$line" ] || continue
			grep -qxF "$line" "$build/.config" || missing+=("$line")
			;;
		'# CONFIG_'*' is not set')
			name="${line#\# }"
			name="${name%% *}"
			! grep -q "^$name=" "$build/.config" || missing+=("$line")
			;;
		esac
	done < <(cat "${config_files[@]}")
	[ "${#missing[@]}" -eq 0 ] ||
		die "the configuration does not take: ${missing[*]}" "run 'make rustavailable' in $build, and look at what these depend on"
}

configure() {
	kmake -s tinyconfig
	KCONFIG_CONFIG="$build/.config" "$src/scripts/kconfig/merge_config.sh" -m -O "$build" \
		"$build/.config" "${config_files[@]}"
	kmake -s olddefconfig
}

build_kernel() {
	if [ "$(cat "$build/.toolchain" 2>/dev/null)" != "$toolchain_key" ]; then
		rm -rf "$build"
		mkdir -p "$build"
		echo "$toolchain_key" >"$build/.toolchain"
	fi
	rm -f "$build/.key"
	if [ "$(cat "$build/.config-key" 2>/dev/null)" != "$config_key" ]; then
		logged "config-$kernel" configure
		check_config
		echo "$config_key" >"$build/.config-key"
	fi
	say "building the kernel '$kernel'; log: $base/kernel-$kernel.log"
	# Keep the builder's name, machine and time out of the kernel.
	export KBUILD_BUILD_USER=kho-abi KBUILD_BUILD_HOST=kho-abi KBUILD_BUILD_VERSION=1
	export KBUILD_BUILD_TIMESTAMP='1970-01-01'
	logged "kernel-$kernel" kmake -j"$jobs"

	rm -rf "$out"
	mkdir -p "$out.new"
	cp --reflink=auto "$build/arch/x86/boot/bzImage" "$build/vmlinux" "$build/usr/gen_init_cpio" "$out.new"
	cp "$build/.config" "$out.new/config"
	mv "$out.new" "$out"
	echo "$kernel_key" >"$build/.key"
}

# --- The module ----------------------------------------------------------------------

build_module() {
	local work="$base/module-$flavour"
	say "building the module"
	# Do not keep its objects: a build takes two seconds, and they might be from
	# another checkout.
	rm -rf "$work" "$module_out"
	mkdir -p "$work" "$module_out.new"
	logged "module-$flavour" make -C "$build" M="$here/module" MO="$work" "${make_args[@]}" "${module_args[@]}" modules
	cp "$work/kho_vfio_pci.ko" "$module_out.new"
	mv "$module_out.new" "$module_out"
}

# --- Tests that run in the kernel, and on it -------------------------------------------

build_unit_tests() {
	local work="$base/unit-tests-$kernel"
	say "building the unit tests"
	rm -rf "$work" "$unit_tests_out" "$unit_tests_out.new"
	mkdir -p "$work" "$unit_tests_out.new"
	logged "unit-tests-$kernel" make -C "$build" M="$suites" MO="$work" "${make_args[@]}" CONFIG_KHO_ABI_KUNIT_TEST=m modules
	cp "$work"/*.ko "$unit_tests_out.new"
	mv "$unit_tests_out.new" "$unit_tests_out"
}

# The programs are from the same source as the kernel, and linked statically:
# the machine that runs them has no libraries.
build_selftests() {
	local tests="$src/tools/testing/selftests" name
	say "building the kernel's own tests"
	rm -rf "$selftests_out" "$selftests_out.new"
	mkdir -p "$selftests_out.new"
	logged selftests-headers kmake headers
	for name in liveupdate luo_kexec_simple luo_multi_session luo_stress_files luo_stress_sessions; do
		logged "selftests-$name" gcc -static -O2 -Wall -Wno-unused-function -D_GNU_SOURCE= \
			-isystem "$build/usr/include" -I"$tests/liveupdate/lib/include" -I"$tests" \
			-o "$selftests_out.new/$name" "$tests/liveupdate/$name.c" "$tests/liveupdate/lib/lu_utils.c"
	done
	mv "$selftests_out.new" "$selftests_out"
}

# Remove builds that were not used for a while.
prune() {
	local kind
	for kind in base debug module-base module-v2 module-debug unit-tests-base unit-tests-debug selftests; do
		find "$base/out" -maxdepth 1 -name "$kind-*" -printf '%T@ %p\n' | sort -rn | tail -n +5 | cut -d' ' -f2- |
			xargs -r -d '\n' rm -rf
	done
}

# A single command for bash, which reads a script as it runs it: if the checkout
# changes during these minutes, bash must not execute a mixture.
{
	if ! kernel_is_built; then
		patch_source
		build_kernel
	fi
	[ -d "$module_out" ] || build_module
	[ -d "$unit_tests_out" ] || build_unit_tests
	[ -d "$selftests_out" ] || build_selftests
	prune
	report
	exit 0
}
