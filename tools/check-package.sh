#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Builds the Debian package, and tries it in a clean chroot without Rust and without this checkout: it is
# installed with dpkg, its manual is read, bash completes words with it, two trees are compared, and what is missing
# is named. systemd, in a container of the same files, refuses to kexec on a no. Needs root, for both.
#
#   check-package.sh PROGRAM
#
# The chroot has the packages of this machine's own Debian mirror. Its archive is kept in the cache for a month.
#
# Exit status: 0 passed; 1 a check failed; 2 could not run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
root=$(cd "$here/.." && pwd)

[ $# -eq 1 ] || die "expected the program" "usage: ${0##*/} PROGRAM"
[ "$(id -u)" -eq 0 ] || die "a chroot needs root" "run it as root, or with sudo"
install_packages lintian mmdebstrap systemd-container dpkg-dev binutils gzip
cd "$root"

fail() {
	printf '%s: FAILED: %s\n' "${0##*/}" "$1" >&2
	exit 1
}

say "building the package"
package=$("$here/deb.sh" "$1")
# Who maintains the package is not the package's own matter: the last commit's author may have any address.
lintian --fail-on error --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog,maintainer-address-malformed "$package" ||
	fail "lintian finds errors in $package"

# shellcheck source=/dev/null
suite=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:?}")
packages=clang,git,man-db,bash-completion,systemd,systemd-sysv
cache=$(cache_dir)
base=$cache/chroot-$suite-$(printf '%s' "$packages" | sha256sum | cut -c1-8).tar
if [ -z "$(find "$base" -mtime -30 2>/dev/null)" ]; then
	say "making a chroot of $suite in $base"
	sources=()
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
		[ ! -s "$file" ] || sources+=("$file")
	done
	# Manuals are what is tried: dpkg must not leave them out.
	mmdebstrap --quiet --format=tar --variant=minbase --include="$packages" "$suite" "$base.new" "${sources[@]}" ||
		die "mmdebstrap cannot make a chroot of $suite" "check the connection to the Debian mirror"
	mv "$base.new" "$base"
fi

work=$(mktemp -d)
shell=
trap '[ -z "$shell" ] || kill "$shell" 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
chroot=$work/root
mkdir "$chroot"
tar -C "$chroot" --numeric-owner -xf "$base"
# Devices may not be made everywhere, and dpkg and man need this one.
[ -c "$chroot/dev/null" ] || mknod -m 666 "$chroot/dev/null" c 1 3
within() { chroot "$chroot" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }

for program in cargo rustc rustup; do
	! within sh -c "command -v $program" || fail "the chroot has $program"
done

say "dpkg -i"
cp "$package" "$chroot/tmp/kho-abi.deb"
within dpkg -i /tmp/kho-abi.deb >"$work/dpkg" 2>&1 || fail "dpkg -i: $(cat "$work/dpkg")"

say "man"
within env MANWIDTH=80 man kho-abi >"$work/man" 2>"$work/said" || fail "man kho-abi: $(cat "$work/said")"
grep -q '^EXAMPLES' "$work/man" || fail "man kho-abi has no examples: $(cat "$work/man")"
within man -w kho-abi-inspect-diff >/dev/null || fail "man finds no page of inspect diff"

say "bash completion"
coproc SHELL_IN { script -qec "chroot '$chroot' env -i PATH=/usr/bin:/bin HOME=/root TERM=dumb bash --norc -i" /dev/null 2>&1; }
shell=$SHELL_IN_PID
keys() { printf '%b' "$1" >&"${SHELL_IN[1]}"; }
expect() {
	local seen='' character
	while IFS= read -r -t 60 -n 1 -d '' character <&"${SHELL_IN[0]}"; do
		seen+=$character
		[[ $seen != *"$1"* ]] || return 0
	done
	fail "bash did not show '$1', but: $seen"
}
# As a login shell of Debian does; the package's file is loaded when the command is first completed.
# shellcheck disable=SC2016 # the shell in the chroot computes it
keys 'stty cols 200; . /usr/share/bash-completion/bash_completion; echo ready$((40 + 2))\n'
expect ready42
keys 'kho-abi pref\t'
expect 'kho-abi preflight '
keys '\025kho-abi explain page_not_pr\t'
expect 'kho-abi explain page_not_preserved '
kill "$shell"
shell=

say "diff of two trees"
trees=$chroot/srv
mkdir -p "$trees/old" "$trees/new"
cp -r c-headers/include "$trees/old"
cp -r c-headers/include "$trees/new"
sed -i 's/^\tu16 domain;$/&\n\tu8 reset_works;/' "$trees/new/include/linux/kho/abi/vfio_pci.h"
status=0
within sh -c 'cd /srv && kho-abi diff old old' >"$work/diff" 2>&1 || status=$?
[ "$status" -eq 0 ] || fail "diff of a tree with itself: status $status: $(cat "$work/diff")"
within sh -c 'cd /srv && kho-abi diff old new' >"$work/diff" 2>&1 || status=$?
[ "$status" -eq 1 ] || fail "diff of two trees: status $status: $(cat "$work/diff")"
grep -q 'vfio-pci-v1  bump missing' "$work/diff" || fail "diff of two trees: $(cat "$work/diff")"

say "what is missing is named"
status=0
within env PATH=/nowhere /usr/bin/kho-abi diff /srv/old /srv/new >"$work/diff" 2>&1 || status=$?
[ "$status" -eq 2 ] || fail "diff without clang: status $status: $(cat "$work/diff")"
grep -q 'help: install clang 14 or newer' "$work/diff" || fail "diff without clang: $(cat "$work/diff")"
status=0
within env PATH=/nowhere /usr/bin/kho-abi log --git-dir /srv >"$work/diff" 2>&1 || status=$?
[ "$status" -eq 2 ] || fail "log without git: status $status: $(cat "$work/diff")"
grep -q 'help: install git' "$work/diff" || fail "log without git: $(cat "$work/diff")"

say "systemd refuses to kexec on a no"
within systemd-analyze verify --man=no kexec.target kho-abi-kexec.target kho-abi-kexec.service kho-abi-preflight.service >"$work/verify" 2>&1 ||
	fail "systemd-analyze verify: $(cat "$work/verify")"
within systemctl --quiet enable kho-abi-kexec.target
# The program answers what /answer says, as nothing is handed over in a container; what it is asked is kept.
cat >"$chroot/usr/local/bin/kho-abi" <<'EOF'
#!/bin/sh
echo "kho-abi $*" >&2
exit "$(cat /answer)"
EOF
chmod +x "$chroot/usr/local/bin/kho-abi"
touch "$chroot/boot/vmlinuz-next"
echo 'NEXT_KERNEL=/boot/vmlinuz-next' >"$chroot/etc/default/kho-abi"
units=$chroot/etc/systemd/system
# A container has no kexec: it is noted, and the container ends.
mkdir -p "$units/systemd-kexec.service.d" "$units/multi-user.target.wants"
printf '[Service]\nExecStart=\nExecStart=touch /kexec\nExecStart=systemctl --force poweroff\n' >"$units/systemd-kexec.service.d/here.conf"
# Whatever runs on the machine, and must go on if there is no kexec.
printf '[Service]\nExecStart=sleep infinity\nExecStop=touch /stopped\n' >"$units/workload.service"
cat >"$units/trial.service" <<'EOF'
[Unit]
Wants=workload.service
After=workload.service multi-user.target
[Service]
ExecStart=/trial
EOF
ln -s ../trial.service "$units/multi-user.target.wants/trial.service"
cat >"$chroot/trial" <<'EOF'
#!/bin/sh
# What `systemctl kexec` does once a kernel is loaded.
kexec() { systemctl start --job-mode=replace-irreversibly kexec.target "$@"; }
for answer in 1 2; do
	echo "$answer" >/answer
	kexec >>/trial.log 2>&1 && echo "went on after $answer" >>/wrong
	systemctl is-active --quiet workload.service || echo "the workload ended after $answer" >>/wrong
	[ ! -e /stopped ] || echo "something was stopped after $answer" >>/wrong
	systemctl reset-failed
done
journalctl -b -u kho-abi-preflight.service -o cat >>/trial.log
touch /refused
echo 0 >/answer
kexec --no-block
EOF
chmod +x "$chroot/trial"
timeout 120 systemd-nspawn --quiet --directory="$chroot" --boot --register=no --keep-unit </dev/null >"$work/boot" 2>&1 ||
	fail "the container ended with status $?: $(tail -30 "$work/boot")"
[ -e "$chroot/refused" ] || fail "the container did not come so far: $(tail -30 "$work/boot")"
[ ! -e "$chroot/wrong" ] || fail "on a no: $(cat "$chroot/wrong" "$chroot/trial.log")"
grep -q '^kho-abi preflight --running .*/boot/vmlinuz-next$' "$chroot/trial.log" ||
	fail "the next kernel was not asked about: $(cat "$chroot/trial.log")"
for file in stopped kexec; do
	[ -e "$chroot/$file" ] || fail "on a yes, nothing was $file: $(tail -30 "$work/boot")"
done
within systemctl --quiet disable kho-abi-kexec.target
rm "$chroot/usr/local/bin/kho-abi"

say "dpkg -P"
within dpkg -P kho-abi >"$work/dpkg" 2>&1 || fail "dpkg -P: $(cat "$work/dpkg")"
left=$(find "$chroot/usr" "$chroot/etc" "$chroot/lib" -name '*kho-abi*')
[ -z "$left" ] || fail "the package leaves behind: $left"
say "passed: ${package#"$root/"}"
