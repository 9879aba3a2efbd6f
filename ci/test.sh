#!/usr/bin/env bash
# Runs the README's test command, word for word, in a copy of the tracked files and a new environment.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command=$("$PYTHON" "$root/ci/readme_command.py" 2)
python=$(new_environment test)
copy_tree "$scratch/tree"
cd "$scratch/tree"
echo "+ $command"
# Nothing of the caller's environment reaches the build or the tests, as on a fresh machine.
env -i HOME="$HOME" PATH="$(dirname "$python"):$PATH" VIRTUAL_ENV="$scratch/test" LANG=C.UTF-8 bash -c "$command"
