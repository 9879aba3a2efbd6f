#!/usr/bin/env bash
# The site of the documentation: built from the tracked files in a new environment, with warnings as errors, and
# all links within it followed. --keep DIRECTORY leaves the site there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

keep=$(kept_folder "$@")
copy_tree "$scratch/tree"
python=$(installed_environment docs)
# Nothing of the tree's own package is imported: the reference is that of what is installed.
cd "$scratch"
"$python" tree/docs/_site/build.py "$scratch/site"
"$python" tree/ci/site_links.py "$scratch/site/html"
if [ -n "$keep" ]; then
    cp -R "$scratch/site/html/." "$keep"
fi
