"""scikit-learn's own tests of GaussianMixture hold for ours, but for a table of differences."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn
from sklearn_suite import DIFFERENT, NOT_SUPPORTED, PRIVATE

SUITE = "sklearn.mixture.tests.test_gaussian_mixture"
KNOWN = (1, 9)
"""The table of differences is that of this version of scikit-learn."""


@pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) != KNOWN,
    reason="the table of differences is that of another version of scikit-learn",
)
def test_the_suite_of_scikit_learn(tmp_path: Path) -> None:
    try:
        names = set(vars(importlib.import_module(SUITE)))
    except ImportError:
        pytest.skip("this scikit-learn is installed without its tests")
    assert names >= DIFFERENT.keys() | PRIVATE.keys() | NOT_SUPPORTED.keys()
    # It runs where its own settings of pytest are, on the modules that this process sees, and the
    # tests of float32 rows are asked for by a variable.
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    more = {"PYTHONPATH": paths, "SKLEARN_RUN_FLOAT32_TESTS": "1"}
    options = ["-q", "-p", "sklearn_suite", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command = [sys.executable, "-m", "pytest", *options, "-W", "ignore", "--pyargs", SUITE]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert f"{len(DIFFERENT)} xfailed" in last
    assert "skipped" not in last
    assert int(last.split(" passed")[0].split()[-1]) >= 54
