#!/usr/bin/env bash
# The tests under a tool that sees what the processor does not complain of:
#
#   ci/sanitizers.sh address [--whole]   memory and undefined behaviour (GCC's sanitizers)
#   ci/sanitizers.sh thread  [--whole]   races between threads in the kernels (GCC's thread sanitizer)
#   ci/sanitizers.sh memory  [--whole]   reads of what nothing was written to (valgrind's memcheck)
#
# Without --whole it takes the quick ones of the kernels' tests and the best instruction set; with it, the whole suite
# and all that run here. Words after "--" go to pytest. FASTGMM_TARGETS names other instruction sets, and FASTGMM_TESTS
# other tests: FASTGMM_TARGETS=x86_64_v3,x86_64 FASTGMM_TESTS="tests/em tests/fits" ci/sanitizers.sh address. FASTGMM_PYTHON
# names an interpreter that has the extra "test", setuptools and Cython already; else an environment is made.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mode=${1:?address, thread or memory}
shift
whole=
[ "${1:-}" = --whole ] && { whole=1; shift; }
[ "${1:-}" = -- ] && shift
suppressions=$root/ci/suppressions

# valgrind 3.19 knows no AVX-512, and what the processor is said to be there has none.
runnable() {
    local flags name
    flags=" $(sed -n 's/^flags[^:]*: //p' /proc/cpuinfo | head -n 1) "
    [ "$(uname -m)" = x86_64 ] || { echo ""; return; }
    for name in x86_64_v4:avx512vl x86_64_v3:avx2 x86_64:sse2; do
        [ "$mode" = memory ] && [ "$name" = x86_64_v4:avx512vl ] && continue
        [[ $flags == *" ${name#*:} "* ]] && echo "${name%%:*}"
    done
}
mapfile -t targets < <(runnable)
[ -n "$whole" ] || targets=("${targets[0]}")
FASTGMM_TARGETS=${FASTGMM_TARGETS:-$(IFS=,; echo "${targets[*]}")}
export FASTGMM_TARGETS

python=${FASTGMM_PYTHON:-}
if [ -z "$python" ]; then
    python=$(installed_environment test)
    "$python" -m pip install -q "setuptools>=77" "Cython>=3.1"
fi
copy_tree "$scratch/built"
cd "$scratch/built"
case $mode in address) switch=sanitize ;; thread) switch=threads ;; memory) switch=symbols ;; *) exit 2 ;; esac
[ "$mode" = memory ] && command -v valgrind > /dev/null || [ "$mode" != memory ] || {
    echo "valgrind is not installed: apt install valgrind" >&2
    exit 1
}
started=$SECONDS
FASTGMM_BUILD=$switch "$python" setup.py -q build_ext --inplace -j 2 > "$scratch/build.log" 2>&1 || {
    tail -40 "$scratch/build.log" >&2
    exit 1
}
echo "$mode: built $FASTGMM_TARGETS in $((SECONDS - started)) s"

export PYTHONPATH=$scratch/built PYTHONSAFEPATH=1 PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1
tests=(tests/kernels) small=
of_gcc() { gcc -print-file-name="$1"; }
case $mode in
address)
    # CPython keeps what it has until it ends, which is no leak. Every report ends the process. Where allocations are
    # made to fail, the library that does so comes first in the list, which is where the sanitizer wants to be.
    run=(env "LD_PRELOAD=$(of_gcc libasan.so) $(of_gcc libubsan.so) $(of_gcc libstdc++.so)"
        ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:detect_odr_violation=0:verify_asan_link_order=0
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1)
    # These take most of the time, in the reference, which is NumPy.
    slow=(--ignore-glob "*test_reference*" --ignore tests/kernels/test_moments.py --ignore tests/kernels/test_stretch.py)
    if [ -n "$whole" ]; then tests=(tests); else set -- "${slow[@]}" "$@"; fi
    ;;
thread)
    # Addresses at random lie where the sanitizer keeps its own.
    run=(setarch -R env "LD_PRELOAD=$(of_gcc libtsan.so)"
        "TSAN_OPTIONS=suppressions=$suppressions/threads.txt:exitcode=66:die_after_fork=0")
    tests=(tests/kernels/test_scratch.py tests/threads/test_blocks.py tests/threads/test_helpers.py
        tests/numerics/test_threads.py tests/estimators/test_state.py)
    # What the sanitizer remembers of each address is memory of the process as well.
    set -- --deselect "tests/kernels/test_scratch.py::test_the_next_mixture_of_a_form_takes_over_the_scratch" "$@"
    [ -z "$whole" ] || tests=(tests/kernels tests/threads tests/numerics/test_threads.py tests/estimators tests/data)
    ;;
memory)
    run=(valgrind --quiet --error-exitcode=66 --num-callers=20 "--suppressions=$suppressions/memory.supp")
    # Fifty times slower than without: a few rows for each kernel.
    [ -n "$whole" ] || small=tests/reliability/small_cases.py
    ;;
esac

[ -z "${FASTGMM_TESTS:-}" ] || { read -r -a tests <<< "$FASTGMM_TESTS"; small=; }
command=(-m pytest -q -p no:cacheprovider "${tests[@]}" "$@")
[ -z "$small" ] || command=("$small")
for target in ${FASTGMM_TARGETS//,/ }; do
    name=${target//_v/-v}
    name=${name/x86_64/x86-64}
    echo "$mode: $name"
    FASTGMM_ISA=$name "${run[@]}" "$python" "${command[@]}"
    # What only threads do is the same in all of them, and many tests take hours under memcheck.
    [ "$mode" = address ] || [ -n "$small" ] || break
done
echo "$mode: nothing found"
