#!/usr/bin/env bash
# Builds the kernels for other processors by cross compilers, and tests them under qemu-user:
#   ci/other_processors.sh arm64 i386 s390x       (any of arm64, armhf, i386, s390x; default: arm64 i386 s390x)
#   ci/other_processors.sh arm64 -- -k density    (what stands behind -- goes to pytest)
# arm64 is NEON; armhf and i386 have 32 bits, s390x is big-endian: these three run the portable build.
# Needs Debian or Ubuntu on x86-64, and in the environment of PYTHON setuptools and Cython. The packages:
#   apt install mmdebstrap qemu-user-static gcc-{aarch64,arm,i686,s390x}-linux-gnu*
# FASTGMM_ROOTS  a folder where the other systems are kept for the next time (default: thrown away)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

targets=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do targets+=("$1"); shift; done
[ $# -eq 0 ] || shift
[ ${#targets[@]} -gt 0 ] || targets=(arm64 i386 s390x)
roots=${FASTGMM_ROOTS:-$scratch/roots}
mkdir -p "$roots"

# Python, NumPy and what the tests need, as packages of that processor: unpacked, and nothing of them is run.
make_root() {
    [ -e "$3/usr/bin/python3" ] || mmdebstrap --quiet --variant=extract --architectures="$1" \
        --include=python3,libpython3-dev,python3-numpy,python3-pytest,python3-mpmath "$2" "$3"
    local folder  # of a system that an interrupt left behind, too
    for folder in bin lib lib64; do
        [ -e "$3/$folder" ] || [ ! -e "$3/usr/$folder" ] || ln -s "usr/$folder" "$3/$folder"
    done
}

check() {
    local target=$1 suite=trixie machine triplet emulator compiler root_of version include suffix
    shift
    case $target in
        arm64) machine=aarch64 triplet=aarch64-linux-gnu emulator=qemu-aarch64-static ;;
        armhf) machine=armv7l triplet=arm-linux-gnueabihf emulator=qemu-arm-static ;;
        # An x86-64 kernel runs such programs itself: their own loader is asked, and no emulator.
        i386) machine=i686 triplet=i386-linux-gnu emulator= ;;
        # The last Debian with a whole mirror of it.
        s390x) machine=s390x triplet=s390x-linux-gnu emulator=qemu-s390x-static suite=bookworm ;;
        *) echo "$target is none of arm64, armhf, i386, s390x" >&2; return 1 ;;
    esac
    compiler=${triplet/i386/i686}-gcc
    root_of=$roots/$target
    make_root "$target" "$suite" "$root_of"
    version=$(basename "$(readlink "$root_of/usr/bin/python3")")
    suffix=.cpython-${version#python3.}-$triplet.so
    suffix=${suffix/cpython-/cpython-3}

    # Of the other system's headers Python's alone: those of the C library come with the compiler.
    include=$scratch/include-$target
    mkdir -p "$include/$triplet"
    cp -R "$root_of/usr/include/$version" "$include"
    cp -R "$root_of/usr/include/$triplet/$version" "$include/$triplet"

    local tree=$scratch/$target started=$SECONDS
    [ -d "$tree" ] || copy_tree "$tree"
    (
        cd "$tree"
        export _PYTHON_HOST_PLATFORM=linux-$machine SETUPTOOLS_EXT_SUFFIX=$suffix
        export CC=$compiler LDSHARED="$compiler -shared" CFLAGS="-I$include/$version -I$include"
        "$PYTHON" setup.py -q build_ext --inplace > "$scratch/log" 2>&1 || { tail -40 "$scratch/log" >&2; exit 1; }
    )
    echo "$target: built in $((SECONDS - started)) s"

    # Where NumPy finds its BLAS: the links that an installation would have made are not there.
    local libraries=/usr/lib/$triplet run
    run=(env "PYTHONHOME=$root_of/usr" "PYTHONPATH=$tree" PYTHONDONTWRITEBYTECODE=1)
    if [ -n "$emulator" ]; then
        run+=("$emulator" -L "$root_of" -E "LD_LIBRARY_PATH=$libraries:$libraries/blas:$libraries/lapack")
    else
        libraries=$root_of$libraries
        run+=("$root_of/lib/ld-linux.so.2" --library-path "$libraries:$libraries/blas:$libraries/lapack")
    fi
    run+=("$root_of/usr/bin/$version")
    started=$SECONDS
    (
        cd "$scratch"
        "${run[@]}" -c "import sys, fastgmm; print(sys.version, sys.byteorder, sys.maxsize); fastgmm.show_config()"
        "${run[@]}" "$root/ci/first_fit.py"
        cd "$tree"
        "${run[@]}" -m pytest -q -p no:cacheprovider "${@:-tests/kernels}"
    ) || return 1
    echo "$target: tested in $((SECONDS - started)) s"
}

failed=()
for target in "${targets[@]}"; do
    check "$target" "$@" || failed+=("$target")
done
[ ${#failed[@]} -eq 0 ] || { echo "FAILED: ${failed[*]}" >&2; exit 1; }
