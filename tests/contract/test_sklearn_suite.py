"""scikit-learn's own tests of its mixtures hold for ours, but for a table of differences."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn
from sklearn_suite import DIFFERENT, NOT_SUPPORTED, PRIVATE

SUITES = {"gaussian": 54, "bayesian": 14}
"""At least so many tests of each of the two classes pass."""
KNOWN = (1, 9)
"""The table of differences is that of this version of scikit-learn."""


def module_of(of: str) -> str:
    return f"sklearn.mixture.tests.test_{of}_mixture"


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) != KNOWN,
    reason="the table of differences is that of another version of scikit-learn",
)
@pytest.mark.parametrize("of", SUITES)
def test_the_suite_of_scikit_learn(of: str, tmp_path: Path) -> None:
    suite = module_of(of)
    try:
        importlib.import_module(suite)
    except ImportError:
        pytest.skip("this scikit-learn is installed without its tests")
    # It runs where its own settings of pytest are, on the modules that this process sees, and the
    # tests of float32 rows are asked for by a variable.
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    more = {"PYTHONPATH": paths, "SKLEARN_RUN_FLOAT32_TESTS": "1"}
    options = ["-q", "-p", "sklearn_suite", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command = [sys.executable, "-m", "pytest", *options, "-W", "ignore", "--pyargs", suite]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    different = sum(one == of for one, _ in DIFFERENT)
    assert f"{different} xfailed" in last or different == 0
    assert "skipped" not in last
    assert int(last.split(" passed")[0].split()[-1]) >= SUITES[of]


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) != KNOWN,
    reason="the table of differences is that of another version of scikit-learn",
)
def test_what_is_left_out_is_there() -> None:
    found = {of: set(vars(pytest.importorskip(module_of(of)))) for of in SUITES}
    assert all(name in found[of] for of, name in DIFFERENT)
    assert set().union(*found.values()) >= PRIVATE.keys() | NOT_SUPPORTED.keys()
