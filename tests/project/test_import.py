"""What importing the package does to the process, and what it leaves alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fastgmm
from fastgmm import kernels

CONFIG = fastgmm.show_config()
# Both tuples name the widest first.
RUNNABLE = [name for name in CONFIG["built"] if name in CONFIG["supported"]]
# Packages that take part in the library's life only when the user brings them.
NOT_LOADED = {"sklearn", "scipy", "pandas", "polars", "pyarrow", "matplotlib", "dask", "tqdm"}


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter; -P keeps the clone's root out of its path."""
    return subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def answer(code: str, **environment: str) -> Any:
    """Run code that prints one JSON value and return that value."""
    run = python(code, **environment)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_import_loads_nothing_but_numpy() -> None:
    loaded = answer(
        "import json, sys, numpy; before = set(sys.modules); import fastgmm;"
        "print(json.dumps(sorted({m.split('.')[0] for m in set(sys.modules) - before})))"
    )
    assert "fastgmm" in loaded
    assert not set(loaded) & NOT_LOADED
    # Cython's modules register names such as _cython_3_3_1 and cython_runtime: no packages.
    foreign = {m for m in loaded if not m.startswith(("_cython", "cython_runtime"))}
    assert foreign - sys.stdlib_module_names <= {"fastgmm", "numpy"}


def test_fitting_loads_no_other_package() -> None:
    loaded = answer(
        "import json, sys, numpy as np, fastgmm;"
        "x = np.random.default_rng(0).normal(size=(60, 2));"
        "m = fastgmm.GaussianMixture(2, random_state=0).fit(x); m.predict(x); m.sample(3); repr(m);"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    assert not set(loaded) & NOT_LOADED


SUBNORMAL = """
import threading
import numpy as np

def works():
    # Denormals-are-zero drops the first kind (operands), flush-to-zero the others (results).
    operand = np.full(9, 5e-324) + 0.0
    result = np.full(9, 2.2250738585072014e-308) * np.full(9, 0.5)
    single = np.full(9, 1.1754944e-38, np.float32) * np.full(9, 0.5, np.float32)
    scalar = float("2.2250738585072014e-308") * float("0.5")
    values = [*operand, *result, *single, scalar]
    return all(v > 0.0 for v in values)

def everywhere():
    found = [works()]
    thread = threading.Thread(target=lambda: found.append(works()))
    thread.start()
    thread.join()
    return found == [True, True]

answers = [everywhere()]
"""


def test_subnormal_numbers_survive_import_and_fit() -> None:
    """-ffast-math in any linked module would flush them to zero for the whole process."""
    answers = answer(
        SUBNORMAL
        + """
import json
import fastgmm
answers.append(everywhere())
x = np.random.default_rng(0).normal(size=(4000, 3))
for dtype in (np.float64, np.float32):
    fastgmm.GaussianMixture(2, random_state=0, n_threads=2).fit(x.astype(dtype)).score_samples(x)
answers.append(everywhere())
print(json.dumps(answers))
"""
    )
    assert answers == [True, True, True]


@pytest.mark.parametrize("name", ["x86-64-v9", "avx2", "X86-64", "auto", " "])
def test_unknown_instruction_set_is_an_error(name: str) -> None:
    run = python("import fastgmm", FASTGMM_ISA=name)
    assert run.returncode != 0
    sentence = run.stderr.strip().splitlines()[-1]
    assert sentence.startswith(f"ImportError: FASTGMM_ISA={name}: ")
    assert all(built in sentence for built in CONFIG["built"])


def test_empty_variable_chooses_nothing() -> None:
    code = "import json, fastgmm; print(json.dumps(fastgmm.show_config()['chosen']))"
    assert json.loads(python(code, FASTGMM_ISA="").stdout.splitlines()[-1]) == RUNNABLE[0]


# A processor or build of another family is the same to this test as one that was never written.
@pytest.mark.parametrize("name", sorted(set(kernels.INSTRUCTION_SETS) - set(CONFIG["built"])))
def test_instruction_set_that_is_not_built_is_an_error(name: str) -> None:
    run = python("import fastgmm", FASTGMM_ISA=name)
    assert run.returncode != 0
    assert f"{name!r} is not among those built" in run.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("name", RUNNABLE)
def test_supported_instruction_set_can_be_chosen(name: str) -> None:
    code = "import json, fastgmm; c = fastgmm.show_config(); print(json.dumps(c['chosen']))"
    assert json.loads(python(code, FASTGMM_ISA=name).stdout.splitlines()[-1]) == name


def test_first_choice_is_the_widest_supported() -> None:
    code = "import json, fastgmm; c = fastgmm.show_config(); print(json.dumps(c))"
    environment = {k: v for k, v in os.environ.items() if k != "FASTGMM_ISA"}
    run = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert json.loads(run.stdout.splitlines()[-1])["chosen"] == RUNNABLE[0]


def test_instruction_set_beyond_the_processor_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    name = RUNNABLE[0]
    monkeypatch.setattr(kernels, "SUPPORTED", tuple(RUNNABLE[1:]))
    with pytest.raises(
        ValueError, match=f"this processor does not run the instruction set '{name}'"
    ):
        kernels.Build(name)


@pytest.fixture
def copied_package(tmp_path: Path) -> Path:
    """A copy of the installed package that a test may damage."""
    source = Path(fastgmm.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", "*.c", "*.py[xi]")
    shutil.copytree(source, tmp_path / "fastgmm", ignore=ignored)
    return tmp_path / "fastgmm"


def import_copy(package: Path) -> subprocess.CompletedProcess[str]:
    code = "import fastgmm; print(fastgmm.__file__)"
    return python(code, PYTHONPATH=str(package.parent), FASTGMM_ISA="")


def test_broken_build_is_an_error_and_no_fallback(copied_package: Path) -> None:
    run = import_copy(copied_package)
    assert run.stdout.strip() == str(copied_package / "__init__.py"), run.stderr
    stem = RUNNABLE[0].replace("-", "_")
    (broken,) = copied_package.glob(f"kernels/builds/{stem}_f32.*")
    broken.write_bytes(b"not a shared library")
    run = import_copy(copied_package)
    assert run.returncode != 0
    assert "ImportError" in run.stderr
    assert broken.name in run.stderr


def test_unbuilt_tree_says_so(copied_package: Path) -> None:
    for build in copied_package.glob("kernels/**/*.*"):
        if build.suffix in {".so", ".pyd"}:
            build.unlink()
    run = import_copy(copied_package)
    assert run.returncode != 0
    sentence = run.stderr.strip().splitlines()[-1]
    assert f"kernels are not built in {copied_package.parent}" in sentence
    assert "pip install -e ." in sentence
    # The caller's line, that of the package, and that of the sentence.
    assert run.stderr.count("  File ") == 3
