#!/usr/bin/env bash
# The sdist and the wheel: built from the tracked files, installed without the clone, and looked into.
# --keep DIRECTORY leaves both there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

keep=$(kept_folder "$@")
copy_tree "$scratch/tree"
builder=$(new_environment builder)
"$builder" -m pip install -q build
# `build` makes the wheel from the sdist, so that what the sdist lacks is missing here and not at a user's.
"$builder" -m build --outdir "$scratch/dist" "$scratch/tree" > "$scratch/log" 2>&1 || { tail -40 "$scratch/log" >&2; exit 1; }
sdist=$(ls "$scratch"/dist/*.tar.gz)
wheel=$(ls "$scratch"/dist/*.whl)
"$builder" "$root/ci/distribution_contents.py" "$sdist" "$wheel"

python=$(new_environment user)
"$python" -m pip install -q "$wheel"
cd "$scratch/dist"
"$(dirname "$python")/fastgmm" --version
"$python" -m fastgmm --version
"$python" "$root/ci/first_fit.py"
if [ -n "$keep" ]; then
    cp "$sdist" "$wheel" "$keep"
fi
