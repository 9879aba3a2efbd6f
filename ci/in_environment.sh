#!/usr/bin/env bash
# Runs a Python script of ci/ where fastgmm is installed: ci/in_environment.sh ci/assembly.py [arguments].
set -euo pipefail
script=$(realpath "$1")
shift
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

python=$(installed_environment "")
cd "$scratch"
"$python" "$script" "$@"
