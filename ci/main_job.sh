#!/usr/bin/env bash
# Runs the README's first command, word for word, as a newcomer would, and checks that it wrote what it promises.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command=$("$PYTHON" "$root/ci/readme_command.py" 1)
python=$(new_environment main)
copy_tree "$scratch/tree"
cd "$scratch/tree"
echo "+ $command"
env -i HOME="$HOME" PATH="$(dirname "$python"):$PATH" VIRTUAL_ENV="$scratch/main" LANG=C.UTF-8 bash -c "$command"
for file in faithful.gmm faithful.png; do
    [ -s "$file" ] || { echo "the command wrote no $file" >&2; exit 1; }
done
# The example of the README is read in the clone's root, where the sources stand in front of what is installed.
"$python" -c "import fastgmm"
