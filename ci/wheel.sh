#!/usr/bin/env bash
# The wheel of this machine as users get it: repaired by auditwheel, at most 3 MB, installed from an index of two
# files where there is no compiler, and tried. FASTGMM_WHEEL names a wheel that is built already.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tools=$(new_environment tools)
bin=$(dirname "$tools")
grep -v cibuildwheel "$root/ci/requirements-wheels.txt" > "$scratch/tools.txt"
"$tools" -m pip install -q -r "$scratch/tools.txt"
wheel=${FASTGMM_WHEEL:-}
if [ -z "$wheel" ]; then
    copy_tree "$scratch/tree"
    "$tools" -m pip wheel -q --no-deps -w "$scratch/built" "$scratch/tree"
    wheel=$(ls "$scratch"/built/*.whl)
fi
# auditwheel looks which glibc the modules need, and fails where they need a library that is not everywhere. The names of
# functions that no linker needs go: 2 % of the wheel. Who builds fastgmm has them, for perf and for ci/assembly.py.
PATH="$bin:$PATH" "$bin/auditwheel" repair --strip -w "$scratch/wheels" "$wheel"
repaired=$(ls "$scratch"/wheels/*.whl)
[[ $repaired == *manylinux* ]] || { echo "$repaired is no wheel for many systems" >&2; exit 1; }
"$tools" "$root/ci/wheel_sizes.py" "$scratch/wheels"

python=$(new_environment user)
"$python" -m pip install -q numpy
started=$(date +%s%N)
# No sdist may take its place, and no compiler is in the path.
env -i HOME="$HOME" PATH="$(dirname "$python")" CC=/nowhere/cc \
    "$python" -m pip install -q --only-binary :all: --no-index --find-links "$scratch/wheels" fastgmm
echo "installed in $((($(date +%s%N) - started) / 1000000)) ms"
cd "$scratch/wheels"
env -i HOME="$HOME" PATH="$(dirname "$python")" "$python" "$root/ci/first_fit.py"
echo "wheel: $(basename "$repaired")"
