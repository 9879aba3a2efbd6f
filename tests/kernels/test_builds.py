"""Builds are chosen by name, and hold the kernels of their dtype."""

import json
import os
import subprocess
import sys
import sysconfig

import numpy as np
import pytest

from fastgmm import kernels
from fastgmm.kernels import (
    reference,
    reference_online,
    reference_patterns,
    reference_stretch,
)
from fastgmm.kernels.float64 import reference as float64_reference


def test_builds_are_chosen_by_name():
    with pytest.raises(ValueError, match="'sse9' is not among those built here"):
        kernels.Build("sse9")
    for name in kernels.BUILT:
        if name not in kernels.SUPPORTED:
            with pytest.raises(ValueError, match="does not run"):
                kernels.Build(name)


def public_names(module):
    return {name for name in vars(module) if not name.startswith("_")}


def test_every_build_has_what_the_reference_has(build):
    """The kernels of float64 only are not built twice."""
    modules = reference, reference_online, reference_patterns, reference_stretch
    of_both = {name for module in modules for name in module.__all__}
    for dtype, names in (("float32", of_both), ("float64", float64_reference.__all__)):
        assert set(names) <= public_names(build.modules[np.dtype(dtype)])
    only_float64 = set(float64_reference.__all__) - of_both
    of_parameters = {"estimate", "factorize", "log_determinants", "log_weights"}
    of_parameters |= {"directions_below", "largest_inflation", "moments_of_rows"}
    of_parameters |= {"own_directions", "share_directions", "share_matrix", "share_shape"}
    of_runs = {"PatternLanes", "RelativeFrame", "SmallFits", "foretold", "small_bits"}
    of_starts = {"assign_to_cut", "cut", "grow", "labelled_mixture", "merge_by_likelihood", "ward"}
    of_starts |= {"pooled_mixture"}
    assert only_float64 == of_parameters | of_runs | of_starts
    assert not only_float64 & public_names(build.modules[np.dtype("float32")])


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this interpreter has a GIL"
)
def test_importing_leaves_the_gil_off():
    """A module that does not say that it is made for free threads switches the GIL on."""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys, fastgmm; print(json.dumps(sys._is_gil_enabled()))",
        ],
        env={name: value for name, value in os.environ.items() if name != "PYTHON_GIL"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert json.loads(run.stdout) is False, run.stderr
