"""Fits of rows with gaps beside those of tgmm and StepMix, whose numbers a command has written.

`python benchmarks/gaps.py --numbers tests/contract/missing_peers.json`, with tgmm 0.4.3 and StepMix
3.0.0, makes them anew.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[2] / "benchmarks"))
KNOWN: dict[str, Any] = json.loads(HERE.with_name("missing_peers.json").read_text(encoding="utf-8"))
GAPS = importlib.import_module("gaps")


def test_ten_iterations_are_those_of_tgmm() -> None:
    theirs = KNOWN["tgmm 0.4.3"]
    model = GAPS.of_fastgmm(GAPS.made_rows(), GAPS.made_start())
    assert model.n_iter_ == 10
    np.testing.assert_allclose(model.weights_, theirs["weights"], rtol=1e-9)
    np.testing.assert_allclose(model.means_, theirs["means"], rtol=1e-9)
    np.testing.assert_allclose(model.covariances_, theirs["covariances"], rtol=1e-9)


def test_the_diagonal_model_ends_where_stepmix_ends() -> None:
    theirs, rows = KNOWN["StepMix 3.0.0"], GAPS.made_rows()
    known = fastgmm.GaussianMixture.from_parameters(
        theirs["weights"],
        theirs["means"],
        theirs["covariances"],
        covariance_type="diag",
        missing="em",
    )
    assert known.score(rows) == pytest.approx(theirs["score"], rel=1e-12)
    model = fastgmm.GaussianMixture(
        2, covariance_type="diag", reg_covar=0.0, missing="em", random_state=0, gap_tol=1e-13
    ).fit(rows)
    assert model.score(rows) == pytest.approx(theirs["score"], rel=1e-8)
    nearest = np.abs(model.means_[0] - theirs["means"]).sum(axis=1)
    order = [int(nearest.argmin()), 1 - int(nearest.argmin())]
    np.testing.assert_allclose(model.means_, np.array(theirs["means"])[order], rtol=1e-5)
