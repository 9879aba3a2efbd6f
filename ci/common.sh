# What the scripts in ci/ share. Source it; it does nothing by itself.
#
# PYTHON         the interpreter that makes the environments (default: python3)
# FASTGMM_WHEEL  a wheel to install instead of building the tree again (set by .ci/run)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=${PYTHON:-python3}
export PIP_DISABLE_PIP_VERSION_CHECK=1

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "fastgmm needs Python 3.11 or newer and $PYTHON is older: set PYTHON" >&2
    exit 1
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/fastgmm-ci.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# The files that git tracks, as they stand in the working tree: a file that nobody added is missing here too.
copy_tree() {
    mkdir -p "$1"
    git -C "$root" ls-files -z | tar -C "$root" --null --files-from=- -cf - | tar -C "$1" -xf -
}

# The folder that "--keep FOLDER" names, made and with its whole path; nothing without these words.
kept_folder() {
    [ "${1:-}" = --keep ] || return 0
    mkdir -p "$2"
    (cd "$2" && pwd)
}

# A virtual environment in $scratch/$1; prints the path of its interpreter.
new_environment() {
    "$PYTHON" -m venv "$scratch/$1" >&2
    echo "$scratch/$1/bin/python"
}

# An environment with fastgmm and the extras $1 (comma-separated, may be empty); prints the path of its interpreter.
installed_environment() {
    local extras=${1:+[$1]} python source=${FASTGMM_WHEEL:-}
    python=$(new_environment "installed")
    if [ -z "$source" ]; then
        source=$scratch/tree
        [ -d "$source" ] || copy_tree "$source"
    fi
    "$python" -m pip install -q "$source$extras" >&2
    echo "$python"
}
