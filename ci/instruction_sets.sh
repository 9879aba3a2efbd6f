#!/usr/bin/env bash
# Tests the kernels once per instruction set, by name, with what is installed and not what is convenient:
# a set of setup.py's table that is missing from the build fails, and so do names that must be refused.
# A set that this processor cannot run is named and skipped: built and supported are different facts.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

python=$(installed_environment test)
cp -R "$root/tests" "$root/data" "$root/pyproject.toml" "$scratch"
cd "$scratch"

listed=$("$python" "$root/ci/listed_instruction_sets.py")
built=$("$python" -c "from fastgmm.kernels import BUILT; print(*BUILT)")
supported=$("$python" -c "from fastgmm.kernels import SUPPORTED; print(*SUPPORTED)")
echo "listed in setup.py: $listed"
echo "built: $built"
echo "supported here: $supported"

holds() { [[ " $1 " == *" $2 "* ]]; }

# The name must be refused with one sentence that names the variable.
must_be_refused() {
    if FASTGMM_ISA=$1 "$python" -c "import fastgmm" 2> "$scratch/refusal"; then
        echo "FASTGMM_ISA=$1 was accepted" >&2
        exit 1
    fi
    tail -n 1 "$scratch/refusal" | grep -q FASTGMM_ISA || { cat "$scratch/refusal" >&2; exit 1; }
    echo "refused: $(tail -n 1 "$scratch/refusal")"
}

must_be_refused "x86-64-v9"
tested=0
for name in $listed; do
    holds "$built" "$name" || { echo "setup.py lists $name and the build lacks it" >&2; exit 1; }
    if ! holds "$supported" "$name"; then
        echo "$name: built, and not run by this processor"
        must_be_refused "$name"
        continue
    fi
    chosen=$(FASTGMM_ISA=$name "$python" -c "import fastgmm; print(fastgmm.show_config()['chosen'])" | tail -n 1)
    [ "$chosen" = "$name" ] || { echo "FASTGMM_ISA=$name chose $chosen" >&2; exit 1; }
    echo "$name:"
    FASTGMM_ISA=$name "$(dirname "$python")/pytest" -q -n auto -p no:cacheprovider tests/kernels
    tested=$((tested + 1))
done
[ "$tested" -gt 0 ] || { echo "no instruction set was tested" >&2; exit 1; }
echo "instruction sets: $tested tested"
