#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Builds the Python wheel of the bindings into a directory, and prints its path.
#
#   wheel.sh DIR
#
# PYTHON is a Python with pip and setuptools 77 or newer; without it, pip brings setuptools from PyPI.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
root=$(cd "$here/.." && pwd)

[ $# -eq 1 ] || die "expected the directory to write to" "usage: ${0##*/} DIR"
mkdir -p "$1"
to=$(cd "$1" && pwd)
python=${PYTHON:-python3} isolated=()
[ -z "${PYTHON:-}" ] || isolated=(--no-build-isolation)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/bindings/python/pyproject.toml" "$root/bindings/python/kho_drgn.py" "$root/bindings/README.md" "$root/LICENSE" "$work"
cp -r "$root/LICENSES" "$work"
# The marker of PEP 561 is a file of a package.
mkdir "$work/kho_abi"
cp "$root/bindings/python/kho_abi.py" "$work/kho_abi/__init__.py"
touch "$work/kho_abi/py.typed"
# The same commit makes the same wheel.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
	SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || stat -c %Y "$root/CHANGELOG.md")
fi
export SOURCE_DATE_EPOCH
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps "${isolated[@]}" --wheel-dir "$to" "$work" >&2 ||
	die "pip cannot build the wheel" "see the lines above"
printf '%s\n' "$to"/kho_abi-*.whl
