#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Prints the directory of an unpacked, pristine Linux 7.3 source tree; with --rust-src the library
# source (RUST_LIB_SRC) that a kernel with Rust needs.
#
# LINUX_SRC=DIR in the environment takes precedence. Otherwise the tree comes from the
# linux-source-7.3 package of Debian's backports suite, read from the mirror that this machine
# already uses, without touching its apt configuration. It is kept in the cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"

series=7.3
suite=trixie-backports

# The package version of rust-src must equal rustc's: the suite's own candidate may be newer.
rust_src_version() {
	local version
	version=$(rustc --version | awk '{print $2}')
	apt-cache "${apt_options[@]}" madison rust-src | awk -F'|' '{gsub(/ /, "", $2); print $2}' |
		grep -m1 "^$version+" || die "no rust-src for rustc $version in $suite" "set RUST_LIB_SRC to the library directory of a rust-src of $version"
}

# A private apt state: nothing under /etc or /var is written.
prepare_apt() {
	command -v apt-get >/dev/null || die "no apt-get on this machine" "set LINUX_SRC to a Linux $series source tree"
	local state="$1" uri key sources=/etc/apt/sources.list.d/debian.sources
	if [ -r "$sources" ]; then
		uri=$(awk '/^URIs:/{print $2; exit}' "$sources")
		key=$(awk '/^Signed-By:/{print $2; exit}' "$sources")
	else
		uri=$(awk '/^deb /{for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) {print $i; exit}}' /etc/apt/sources.list 2>/dev/null || true)
		key=
	fi
	[ -n "$uri" ] || die "no Debian mirror in the apt configuration" "set LINUX_SRC to a Linux $series source tree"
	[ -n "$key" ] || key=/usr/share/keyrings/debian-archive-keyring.gpg
	mkdir -p "$state"/{sources,lists/partial,cache/archives/partial}
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$uri" "$suite" "$key" >"$state/sources/$suite.sources"
	apt_options=(
		-o Dir::Etc::sourcelist=/dev/null
		-o "Dir::Etc::sourceparts=$state/sources"
		-o "Dir::State::lists=$state/lists"
		-o "Dir::Cache=$state/cache"
		-o APT::Sandbox::User=root
	)
	apt-get -qq "${apt_options[@]}" update >&2 || die "cannot read the $suite package lists" "check the network, or set LINUX_SRC to a Linux $series source tree"
}

# unpack_package PACKAGE DIR: downloads and unpacks into DIR, which appears only when complete.
unpack_package() {
	local package="$1" target="$2" work
	work=$(mktemp -d "$cache/fetch.XXXXXX")
	# shellcheck disable=SC2064 # expand now: the variable is local
	trap "rm -rf '$work'" EXIT
	prepare_apt "$work/apt"
	[ "$package" != rust-src ] || package="rust-src=$(rust_src_version)"
	say "fetching $package from $suite"
	(cd "$work" && apt-get -qq "${apt_options[@]}" download "$package") >&2 ||
		die "cannot download $package" "check the network, or set LINUX_SRC"
	dpkg-deb -x "$work"/*.deb "$work/root"
	case "$package" in
	linux-source-*)
		mkdir "$work/tree"
		say "unpacking the source"
		tar -C "$work/tree" --strip-components=1 -xf "$work"/root/usr/src/linux-source-$series.tar.xz
		mv "$work/tree" "$target"
		;;
	*) mv "$work/root" "$target" ;;
	esac
	rm -rf "$work"
	trap - EXIT
}

want=source
case "${1:-}" in
'') ;;
--rust-src) want=rust-src ;;
*) die "unknown argument '$1'" "usage: ${0##*/} [--rust-src]" ;;
esac

cache=$(cache_dir)
exec 9>"$cache/fetch.lock"
flock 9

if [ "$want" = rust-src ]; then
	if [ -n "${RUST_LIB_SRC:-}" ]; then
		[ -f "$RUST_LIB_SRC/core/src/lib.rs" ] || die "RUST_LIB_SRC=$RUST_LIB_SRC holds no core/src/lib.rs" "point it at a rust-src's library directory"
		echo "$RUST_LIB_SRC"
		exit
	fi
	sysroot_source="$(rustc --print sysroot)/lib/rustlib/src/rust/library"
	if [ -f "$sysroot_source/core/src/lib.rs" ]; then
		echo "$sysroot_source"
		exit
	fi
	target="$cache/rust-src-$(rustc --version | awk '{print $2}')"
	[ -d "$target" ] || unpack_package rust-src "$target"
	library=$(echo "$target"/usr/src/rustc-*/library)
	[ -f "$library/core/src/lib.rs" ] || die "$target holds no library/core" "remove $target and run again"
	echo "$library"
	exit
fi

if [ -n "${LINUX_SRC:-}" ]; then
	[ -f "$LINUX_SRC/include/linux/kho/abi/kexec_handover.h" ] ||
		die "LINUX_SRC=$LINUX_SRC holds no include/linux/kho/abi/kexec_handover.h" "point it at a Linux $series source tree"
	(cd "$LINUX_SRC" && pwd)
	exit
fi
target="$cache/linux-$series"
[ -d "$target" ] || unpack_package "linux-source-$series" "$target"
echo "$target"
