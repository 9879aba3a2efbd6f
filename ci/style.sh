#!/usr/bin/env bash
# ruff and cython-lint, at the versions pinned in requirements-style.txt. With --fix, puts right what they can.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$root"
# The pre-commit hooks have their own pins; two versions of one tool would quarrel about the same line.
for tool in ruff cython-lint; do
    version=$(sed -n "s/^$tool==//p" ci/requirements-style.txt)
    grep -A 1 "$tool" .pre-commit-config.yaml | grep -q "rev: v$version\$" || {
        echo ".pre-commit-config.yaml and ci/requirements-style.txt name different versions of $tool" >&2
        exit 1
    }
done

python=$(new_environment style)
bin=$(dirname "$python")
"$python" -m pip install -q -r ci/requirements-style.txt
export RUFF_CACHE_DIR=$scratch/ruff

if [ "${1:-}" = --fix ]; then
    "$bin/ruff" check --fix .
    "$bin/ruff" format .
else
    "$bin/ruff" check .
    "$bin/ruff" format --check .
fi
shopt -s nullglob globstar
sources=(fastgmm/**/*.pyx fastgmm/**/*.pxd fastgmm/**/*.pxi)
[ ${#sources[@]} -gt 0 ] || { echo "no Cython sources under fastgmm/" >&2; exit 1; }
PATH="$bin:$PATH" "$bin/cython-lint" "${sources[@]}"       # it calls pycodestyle by name
echo "style: clean"
