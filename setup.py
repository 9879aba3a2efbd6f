"""Build the kernels: one Cython source, compiled once per instruction set and dtype.

FASTGMM_BUILD=debug     all of Cython's checks, no optimisation
FASTGMM_BUILD=sanitize  address and undefined-behaviour sanitizers
FASTGMM_BUILD=threads   thread sanitizer
FASTGMM_BUILD=symbols   names of lines, for valgrind
FASTGMM_BUILD=coverage  line tracing for coverage.py
FASTGMM_TARGETS=x86_64_v4,x86_64  these instruction sets alone, for those who change kernels
"""

import os
import platform
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Never -ffast-math, -Ofast or -funsafe-math-optimizations: GCC then flushes subnormals for the
# whole process; never -ffinite-math-only: it deletes the checks for inf and NaN.  psABI levels,
# never the build host's own features.
OPTIMIZED = ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"]
# Where a hot loop begins must not depend on the code before it: the same loops were 7 % slower at
# two features after an unrelated function had changed its length.
OPTIMIZED += ["-falign-functions=64", "-falign-loops=32"]
INSTRUCTION_SETS = {
    "x86_64": {"x86_64": [], "x86_64_v3": ["-march=x86-64-v3"], "x86_64_v4": ["-march=x86-64-v4"]},
    "arm64": {"neon": []},
}
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    # What threads share is guarded in scratch.pxi: a build without the GIL need not switch it on.
    "freethreading_compatible": True,
}
SWITCHES = {
    "": (OPTIMIZED, [], {}),
    "debug": (
        ["-O0", "-g"],
        [],
        # cdivision stays: its check of the divisor does not compile where that is a vector
        {"boundscheck": True, "wraparound": True, "initializedcheck": True},
    ),
    "sanitize": (
        [
            *("-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"),
            "-fno-sanitize-recover=undefined",
        ],
        ["-fsanitize=address,undefined"],
        {},
    ),
    "threads": (
        ["-O1", "-g", "-fsanitize=thread", "-fno-omit-frame-pointer"],
        ["-fsanitize=thread"],
        {},
    ),
    "symbols": (["-O1", "-g"], [], {}),
    "coverage": (
        ["-O0", "-g", "-DCYTHON_TRACE=1", "-DCYTHON_TRACE_NOGIL=1"],
        [],
        {"linetrace": True},
    ),
}
KERNELS = Path("fastgmm/kernels")
HEADER = Path("fastgmm/include/fastgmm.h")
MESSAGE = (
    "fastgmm's kernels are compiled from Cython and need a C compiler: install one (Debian, "
    "Ubuntu: 'apt install gcc'; macOS: 'xcode-select --install'; Windows: the Visual Studio build "
    "tools) and try again"
)


class BuildKernels(build_ext):
    """build_ext that says what is missing when the compiler is."""

    def build_extensions(self):
        """Compile them, or end with a sentence instead of a traceback."""
        try:
            super().build_extensions()
        except Exception as error:
            missing = isinstance(error.__context__, FileNotFoundError) or "No such file" in str(
                error
            )
            if missing:
                raise SystemExit(f"error: {MESSAGE} (the compiler said: {error})") from error
            raise


def extensions():
    """One extension per instruction set of this machine and dtype, and the detection of both."""
    switch = os.environ.get("FASTGMM_BUILD", "")
    flags, link, directives = SWITCHES[switch]
    gnu = sys.platform != "win32"
    made = [Extension("fastgmm.kernels._detect", [str(KERNELS / "_detect.pyx")])]
    sets = INSTRUCTION_SETS.get(MACHINES.get(platform.machine().lower(), ""), {"portable": []})
    if asked := os.environ.get("FASTGMM_TARGETS"):
        unknown = sorted(set(asked.split(",")) - set(sets))
        if unknown:
            raise SystemExit(
                f"error: FASTGMM_TARGETS names {unknown}; this machine has {', '.join(sets)}"
            )
        sets = {name: sets[name] for name in asked.split(",")}
    included = [str(p) for p in (*KERNELS.rglob("*.pxi"), *KERNELS.glob("*.h"), HEADER)]
    for name, machine_flags in sets.items():
        if machine_flags and not gnu:
            continue
        for dtype in ("f32", "f64"):
            made.append(
                Extension(
                    f"fastgmm.kernels.builds.{name}_{dtype}",
                    [str(KERNELS / "builds" / f"{name}_{dtype}.pyx")],
                    depends=included,
                    include_dirs=[str(KERNELS), str(HEADER.parent)],
                    define_macros=[("FASTGMM_FLOAT32", "1")] if dtype == "f32" else [],
                    extra_compile_args=[*flags, *machine_flags] if gnu else ["/O2"],
                    extra_link_args=link,
                )
            )
    # a folder per switch: Cython does not see that only its directives have changed
    return cythonize(
        made,
        build_dir=f"build/cython-{switch or 'release'}",
        compiler_directives={**DIRECTIVES, **directives},
    )


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels})
