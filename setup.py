"""Build the kernels: one Cython source, compiled once per instruction set and dtype.

FASTGMM_BUILD=debug     all of Cython's checks, no optimisation
FASTGMM_BUILD=sanitize  address and undefined-behaviour sanitizers
FASTGMM_BUILD=threads   thread sanitizer
FASTGMM_BUILD=symbols   names of lines, for valgrind
FASTGMM_BUILD=coverage  line tracing for coverage.py
FASTGMM_BUILD=quick     hardly optimised, for those who change kernels and want to see it run
FASTGMM_TARGETS=x86_64_v4,x86_64  these instruction sets alone, for the same people
FASTGMM_DTYPES=f64      this type of rows alone; the other has to be built already
SOURCE_DATE_EPOCH=...   the time of everything in the sdist: the same tree then gives the same bytes
"""

import gzip
import os
import platform
import sys
import sysconfig
import tarfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

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
    # The older unit of a 32-bit x86 computes with 80 bits and rounds whenever it stores.
    "x86": {"portable": ["-msse2", "-mfpmath=sse"]},
}
DTYPES = ("f32", "f64")
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}
MACHINES |= {"i386": "x86", "i686": "x86"}
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
    # Half the time of the compiler, loops of a third of the speed, and the same numbers.
    "quick": (["-O1", "-g0", "-fno-math-errno", "-fno-trapping-math"], [], {}),
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
    """build_ext that uses all processors, and says what is missing when the compiler is."""

    def finalize_options(self):
        """Compile as many modules at a time as there are processors, unless -j says otherwise."""
        super().finalize_options()
        self.parallel = self.parallel or processors()

    def build_extensions(self):
        """Translate and compile them, or end with a sentence instead of a traceback."""
        # Here and not before: an sdist and the questions of pip need no translation.
        sources = {made.name: made.sources for made in translated(self.extensions)}
        for extension in self.extensions:
            extension.sources = sources[extension.name]
        try:
            super().build_extensions()
        except Exception as error:
            missing = isinstance(error.__context__, FileNotFoundError) or "No such file" in str(
                error
            )
            if missing:
                raise SystemExit(f"error: {MESSAGE} (the compiler said: {error})") from error
            raise


class Source(sdist):
    """sdist whose bytes depend on the tree and SOURCE_DATE_EPOCH, and on nothing else."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, **owners):
        """Write the archive with one time, one owner, two modes, in the order of names."""
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch is None or format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, **owners)

        def same(member):
            executable = member.isdir() or member.mode & 0o100
            member.mode = 0o755 if executable else 0o644
            member.mtime = int(epoch)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            return member

        path = f"{base_name}.tar.gz"
        with (
            open(path, "wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=int(epoch)) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            archive.add(base_dir, filter=same)  # goes through folders in the order of names
        return path


def processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def machine():
    """The machine that is built for: with a cross compiler it is not the one that builds."""
    target = sysconfig.get_platform().rpartition("-")[2]
    name = MACHINES.get((platform.machine() if target == "universal2" else target).lower(), "")
    # A 32-bit Python may call the machine by the name of its 64-bit kernel.
    return name if sys.maxsize > 2**32 else {"x86_64": "x86", "x86": "x86"}.get(name, "")


def asked(variable, offered):
    """What an environment variable names of what there is: all of it where it is not set."""
    names = os.environ.get(variable)
    if not names:
        return list(offered)
    if unknown := sorted(set(names.split(",")) - set(offered)):
        raise SystemExit(
            f"error: {variable} names {', '.join(unknown)}; here are {', '.join(offered)}"
        )
    return names.split(",")


def extensions():
    """One extension per instruction set of this machine and dtype, and the detection of both."""
    flags, link, _ = SWITCHES[os.environ.get("FASTGMM_BUILD", "")]
    gnu = sys.platform != "win32"
    made = [Extension("fastgmm.kernels._detect", [str(KERNELS / "_detect.pyx")])]
    sets = INSTRUCTION_SETS.get(machine(), {"portable": []})
    included = [str(p) for p in (*KERNELS.rglob("*.pxi"), *KERNELS.glob("*.h"), HEADER)]
    for name in asked("FASTGMM_TARGETS", sets):
        if sets[name] and not gnu:
            continue
        for dtype in asked("FASTGMM_DTYPES", DTYPES):
            made.append(
                Extension(
                    f"fastgmm.kernels.builds.{name}_{dtype}",
                    [str(KERNELS / "builds" / f"{name}_{dtype}.pyx")],
                    depends=included,
                    include_dirs=[str(KERNELS), str(HEADER.parent)],
                    define_macros=[("FASTGMM_FLOAT32", "1")] if dtype == "f32" else [],
                    extra_compile_args=[*flags, *sets[name]] if gnu else ["/O2"],
                    extra_link_args=link,
                )
            )
    return made


def translated(made):
    """The same extensions with C for their sources."""
    switch = os.environ.get("FASTGMM_BUILD", "")
    directives = SWITCHES[switch][2]
    # a folder per switch: Cython does not see that only its directives have changed
    return cythonize(
        made,
        build_dir=f"build/cython-{switch or 'release'}",
        compiler_directives={**DIRECTIVES, **directives},
        # Elsewhere a helper process would run what started this one anew.
        nthreads=processors() if sys.platform == "linux" else 0,
    )


if __name__ == "__main__":
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildKernels, "sdist": Source})
