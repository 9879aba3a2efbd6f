"""What importing the package does to the process, and what it leaves alone."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

import fastgmm

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
    assert foreign - sys.stdlib_module_names == {"fastgmm"}


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


@pytest.mark.parametrize("name", ["x86-64-v9", "avx2", "", "X86-64", "auto"])
def test_unknown_instruction_set_is_an_error(name: str) -> None:
    run = python("import fastgmm", FASTGMM_ISA=name)
    if name == "":
        assert run.returncode == 0, "an empty FASTGMM_ISA means that none was chosen"
        return
    assert run.returncode != 0
    sentence = run.stderr.strip().splitlines()[-1]
    assert repr(name) in sentence
    for built in fastgmm.show_config()["built"]:
        assert built in sentence


@pytest.mark.parametrize("name", fastgmm.show_config()["supported"])
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
    config = json.loads(run.stdout.splitlines()[-1])
    assert config["chosen"] == config["supported"][-1]
    assert set(config["supported"]) <= set(config["built"])
