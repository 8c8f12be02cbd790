#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Builds a Debian package of the program, into target/debian/. Prints its path.
#
#   deb.sh PROGRAM
#
# Only tools of Debian are used, and no network: dpkg-deb packs, dpkg-shlibdeps finds the libraries.
# DEBFULLNAME and DEBEMAIL name the maintainer, as for other packages; else it is the last commit's author.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
root=$(cd "$here/.." && pwd)

[ $# -eq 1 ] || die "expected the program" "usage: ${0##*/} PROGRAM"
program=$(realpath "$1")
install_packages dpkg-dev binutils gzip

version=$("$program" --version)
version=${version#kho-abi }
architecture=$(dpkg --print-architecture)
# The same commit makes the same package.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
	SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md")
fi
export SOURCE_DATE_EPOCH
if [ -n "${DEBEMAIL:-}" ]; then
	maintainer="${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>"
else
	maintainer=$(git -C "$root" log -1 --format='%an <%ae>' 2>/dev/null) ||
		die "the maintainer of the package is unknown" "set DEBFULLNAME and DEBEMAIL"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
umask 022
DESTDIR=$tree PREFIX=/usr ZSH_COMPLETIONS=/usr/share/zsh/vendor-completions "$here/install.sh" "$program"
strip --strip-unneeded --remove-section=.comment "$tree/usr/bin/kho-abi"

doc=$tree/usr/share/doc/kho-abi
mkdir -p "$doc"
install -m 644 "$root/packaging/debian/copyright" "$root/README.md" "$root"/docs/*.md "$doc"
install -m 644 "$root/CHANGELOG.md" "$doc/CHANGELOG.md"
units=$tree/usr/lib/systemd/system
install -d "$units"
install -m 644 "$root"/packaging/systemd/*.service "$root"/packaging/systemd/*.target "$units"
install -D -m 755 "$root/packaging/systemd/preflight-next" "$tree/usr/lib/kho-abi/preflight-next"
install -D -m 644 "$root/packaging/systemd/default" "$tree/etc/default/kho-abi"
cat >"$doc/changelog" <<EOF
kho-abi ($version) unstable; urgency=medium

  * Changes are listed in /usr/share/doc/kho-abi/CHANGELOG.md.gz.

 -- $maintainer  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
EOF
gzip -9n "$doc/changelog" "$doc/CHANGELOG.md" "$tree"/usr/share/man/man1/*.1

# dpkg-shlibdeps looks for the control file of a source package.
mkdir -p "$work/debian" "$tree/DEBIAN"
printf 'Source: kho-abi\n\nPackage: kho-abi\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/kho-abi" 2>/dev/null)
libraries=${libraries#shlibs:Depends=}
[ -n "$libraries" ] || die "dpkg-shlibdeps names no library" "run it on $program by hand"

size=$(du -k --apparent-size -s "$tree" | cut -f1)
sed -e "s|@VERSION@|$version|; s|@ARCHITECTURE@|$architecture|; s|@INSTALLED_SIZE@|$size|" \
	-e "s|@MAINTAINER@|$maintainer|; s|@LIBRARIES@|$libraries|" "$root/packaging/debian/control.in" >"$tree/DEBIAN/control"
printf '/etc/default/kho-abi\n' >"$tree/DEBIAN/conffiles"
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"

to=${CARGO_TARGET_DIR:-$root/target}/debian
mkdir -p "$to"
package=$to/kho-abi_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$tree" "$package" >&2
printf '%s\n' "$package"
