#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Compares the types of the checkout with the kernel that `kernel/build.sh` builds: its vmlinux, by
# DWARF and by BTF, and its bzImage.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/../tools/lib.sh"
cd "$here/.."

built=$("$here/build.sh") || die "the kernel cannot be built" "see the lines above"
KHO_ABI_VMLINUX=$(sed -n 's/^vmlinux=//p' <<<"$built")
KHO_ABI_BZIMAGE=$(sed -n 's/^bzImage=//p' <<<"$built")
export KHO_ABI_VMLINUX KHO_ABI_BZIMAGE
cargo test --locked -p kho-abi-review --test real_kernels -- --include-ignored
