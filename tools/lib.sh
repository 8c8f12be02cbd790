# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Shared by the scripts beside this file: messages, the cache, Debian packages.
# shellcheck shell=bash

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die MESSAGE HELP: exactly one help line, exit 2 (could not run).
die() {
	printf '%s: error: %s\n  help: %s\n' "${0##*/}" "$1" "$2" >&2
	exit 2
}

# Everything fetched or built is here, never in the checkout.
cache_dir() {
	local dir="${KHO_ABI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kho-abi}"
	mkdir -p "$dir" || die "cannot create the cache $dir" "set KHO_ABI_CACHE to a writable directory"
	(cd "$dir" && pwd)
}

# install_packages PACKAGE...: installs those Debian packages that are missing.
install_packages() {
	local package missing=() as_root=()
	for package; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "these packages are missing, and there is no apt-get: ${missing[*]}" "install their equivalents by hand"
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null ||
			die "these packages are missing: ${missing[*]}" "run as root: apt-get install ${missing[*]}"
		as_root=(sudo)
	fi
	say "installing ${missing[*]}"
	"${as_root[@]}" apt-get -qq update >&2 || die "apt-get update failed" "see the lines above"
	DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2 ||
		die "apt-get could not install ${missing[*]}" "see the lines above"
}
