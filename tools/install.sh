#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Installs the program, its manual pages and its completions.
#
#   install.sh PROGRAM
#
# PREFIX (/usr/local) is where to, and DESTDIR what stands before it in a package. BINDIR, MANDIR, BASH_COMPLETIONS,
# ZSH_COMPLETIONS and FISH_COMPLETIONS are directories of their own.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"

[ $# -eq 1 ] || die "expected the program" "usage: ${0##*/} PROGRAM"
program=$(realpath "$1")
[ -x "$program" ] || die "$1 is not a program" "build it: cargo build --release --locked -p kho-abi"

prefix=${PREFIX:-/usr/local} to=${DESTDIR:-}
share=$prefix/share
bin=$to${BINDIR:-$prefix/bin}
man=$to${MANDIR:-$share/man}/man1
bash=$to${BASH_COMPLETIONS:-$share/bash-completion/completions}
zsh=$to${ZSH_COMPLETIONS:-$share/zsh/site-functions}
fish=$to${FISH_COMPLETIONS:-$share/fish/vendor_completions.d}

# What a package or a program has overrides nothing of the caller's.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/man"
"$program" man --out "$work/man" >/dev/null
for shell in bash zsh fish; do
	"$program" completions "$shell" >"$work/$shell"
done

install -D -m 755 "$program" "$bin/kho-abi"
install -d "$man"
install -m 644 "$work"/man/*.1 "$man"
install -D -m 644 "$work/bash" "$bash/kho-abi"
install -D -m 644 "$work/zsh" "$zsh/_kho-abi"
install -D -m 644 "$work/fish" "$fish/kho-abi.fish"
say "installed below $to$prefix"
