#!/usr/bin/env bash
# An installation without a C compiler must fail with our sentence, not with a traceback alone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

python=$(new_environment bare)
copy_tree "$scratch/tree"
if CC=/nowhere/cc CXX=/nowhere/c++ "$python" -m pip install "$scratch/tree" > "$scratch/log" 2>&1; then
    echo "the installation went through without a compiler" >&2
    exit 1
fi
grep -m 1 "C compiler: install one" "$scratch/log" || {
    tail -20 "$scratch/log" >&2
    echo "the installation failed without saying that it C compiler: install one" >&2
    exit 1
}
