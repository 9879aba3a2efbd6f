#!/usr/bin/env bash
# The same tree gives the same bytes: sdist and wheel are built twice, in two folders, hours apart for all they know.
# Takes two whole builds; FASTGMM_TARGETS=x86_64 takes a third of the time.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

builder=$(new_environment builder)
"$builder" -m pip install -q build
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
for folder in first a/second/one; do
    copy_tree "$scratch/$folder"
    find "$scratch/$folder" -type f -exec touch {} +
    "$builder" -m build --outdir "$scratch/dist-${folder%%/*}" "$scratch/$folder" > "$scratch/log" 2>&1 ||
        { tail -40 "$scratch/log" >&2; exit 1; }
done
status=0
for file in "$scratch"/dist-first/*; do
    name=$(basename "$file")
    if cmp "$file" "$scratch/dist-a/$name"; then
        echo "same bytes: $name $(sha256sum < "$file" | cut -c 1-64)"
    else
        status=1
    fi
done
exit $status
