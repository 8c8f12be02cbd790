#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Installs what a task needs on a Debian machine, if it is missing.
#
#   setup.sh generate    to build and run kho-abi: cargo needs a linker
#   setup.sh check       for every check: compilers, libclang, what a Linux tree builds with
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"

task="${1:-}"
packages=(gcc libc6-dev)
case "$task" in
generate) ;;
check)
	packages+=(clang-19 libclang-19-dev lld-19 llvm-19)
	packages+=(make flex bison bc libelf-dev libssl-dev perl python3 bzip2 xz-utils git shellcheck mandoc zsh fish)
	;;
*) die "unknown task '$task'" "usage: ${0##*/} generate|check" ;;
esac

install_packages "${packages[@]}"
command -v cargo >/dev/null || die "cargo is not on PATH" "install Rust with rustup: https://rustup.rs"
[ "$task" = check ] || exit 0
for component in fmt clippy; do
	cargo "$component" --version >/dev/null 2>&1 ||
		die "cargo $component is missing" "run: rustup component add rustfmt clippy"
done
