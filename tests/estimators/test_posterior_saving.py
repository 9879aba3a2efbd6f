"""`save` and `load` of a posterior, as users call them: one step, and classes of their own."""

import os
from pathlib import Path

import numpy as np
import pytest

from fastgmm import BayesianGaussianMixture
from fastgmm.errors import InvalidParameterError


class Own(BayesianGaussianMixture):
    """A class of a user's."""


def test_a_class_of_ones_own_loads_itself(rows: np.ndarray, tmp_path: Path) -> None:
    model = Own(n_components=2, random_state=0).fit(rows)
    model.save(tmp_path / "a")
    assert type(Own.load(tmp_path / "a")) is Own
    assert type(BayesianGaussianMixture.load(tmp_path / "a")) is BayesianGaussianMixture


def test_a_file_that_cannot_be_written_leaves_the_old_one(rows: np.ndarray, tmp_path: Path) -> None:
    model = BayesianGaussianMixture(n_components=2, random_state=0).fit(rows)
    model.save(tmp_path / "a")
    before = (tmp_path / "a").read_bytes()
    with pytest.raises(InvalidParameterError):
        model.set_params(tol=-1.0).save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == before
    assert os.listdir(tmp_path) == ["a"]
    with pytest.raises(FileNotFoundError):
        BayesianGaussianMixture.load(tmp_path / "none")
