#!/usr/bin/env bash
# Tries inputs of all kinds for FASTGMM_FUZZ seconds (default: a minute; 3600 is an hour), from number FASTGMM_FUZZ_FIRST
# on (default: 0, so that a run depends on the code alone). What is broken is printed with its number:
# python tests/fuzz/runs.py TARGET 1 --first NUMBER tries it again.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

python=$(installed_environment test)
cp -R "$root/tests" "$scratch"
cd "$scratch"
PYTHONPATH=$scratch/tests "$python" -W ignore tests/fuzz/runs.py all --seconds "${FASTGMM_FUZZ:-60}" --first "${FASTGMM_FUZZ_FIRST:-0}"
