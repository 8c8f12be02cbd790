#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Runs the benchmarks, compared with a cbindgen command that is built into the cache, and with
# pahole on a kernel: the one that the environment names, or the one that `kernel/build.sh` builds.
# With ABIDW=1, abidw of libabigail is measured as well, once; it takes minutes and gigabytes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
cd "$here/.."

"$here/setup.sh" check

# The same version as the library in the tests.
version=$(cargo metadata --locked --format-version 1 | grep -o '"name":"cbindgen","version":"[^"]*"' | cut -d '"' -f 8)
[ -n "$version" ] || die "Cargo.lock names no cbindgen" "restore Cargo.lock"
root="$(cache_dir)/tools/cbindgen-$version"
if [ ! -x "$root/bin/cbindgen" ]; then
	say "installing cbindgen $version"
	# The target directory of this checkout is not for cbindgen.
	env -u CARGO_TARGET_DIR cargo install --quiet --locked cbindgen --version "=$version" --root "$root"
fi
export CBINDGEN="$root/bin/cbindgen"

install_packages dwarves time
[ -z "${ABIDW:-}" ] || install_packages abigail-tools
if [ -z "${KHO_ABI_VMLINUX:-}" ] || [ -z "${KHO_ABI_BZIMAGE:-}" ]; then
	built=$("$here/../kernel/build.sh") || die "the kernel cannot be built" "name one: KHO_ABI_VMLINUX, KHO_ABI_BZIMAGE"
	KHO_ABI_VMLINUX=$(sed -n 's/^vmlinux=//p' <<<"$built")
	KHO_ABI_BZIMAGE=$(sed -n 's/^bzImage=//p' <<<"$built")
fi
export KHO_ABI_VMLINUX KHO_ABI_BZIMAGE

cargo bench --quiet --locked -p kho-abi --bench generate
cargo bench --quiet --locked -p kho-abi --bench review
cargo bench --quiet --locked -p kho-abi --bench check
cargo bench --quiet --locked -p kho-abi-codegen --bench growth
cargo bench --quiet --locked -p kho-abi-inspect --bench speed
# This one reads C headers, as the tests do.
if [ -z "${LIBCLANG_PATH:-}" ] && [ -d /usr/lib/llvm-19/lib ]; then
	export LIBCLANG_PATH=/usr/lib/llvm-19/lib
fi
cargo bench --quiet --locked -p kho-abi-codegen --bench headers

cargo bench --quiet --locked -p kho-abi --bench verify
