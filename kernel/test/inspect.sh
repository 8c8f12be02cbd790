#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Takes an image of a real kernel's memory between two kernels, in each format,
# and holds what kho-abi-inspect shows to what the init program preserved.
#
# Exit status: 0 passed, or skipped with a loud line; 1 a check failed; 2 could
# not run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tools/lib.sh
. "$root/tools/lib.sh"

images=$(mktemp -d)
trap 'rm -rf "$images"' EXIT

paths=
for format in raw elf kdump; do
	"$here/run.sh" image --format "$format" -o "$images/$format"
	# Where the machine cannot run the test, run.sh has said so.
	[ -e "$images/$format" ] || exit 0
	paths="$paths${paths:+:}$images/$format"
done

cd "$root"
KHO_ABI_IMAGES=$paths cargo test --quiet --locked --release -p kho-abi-inspect \
	--test real_image -- --include-ignored --nocapture
