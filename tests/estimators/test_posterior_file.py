"""Files and pickles of posteriors: what comes back, and what is refused."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from posteriors import PRIORS

import fastgmm
from fastgmm import BayesianGaussianMixture
from fastgmm.archive import container
from fastgmm.errors import FileFormatError, NotFittedError
from fastgmm.estimators import posterior_file


def fitted(rows: np.ndarray, **params: Any) -> BayesianGaussianMixture:
    return BayesianGaussianMixture(n_components=3, random_state=0, max_iter=300, **params).fit(rows)


def assert_same(one: Any, other: Any, rows: np.ndarray) -> None:
    for name in ("weights_", "means_", "covariances_", "mean_precision_", "degrees_of_freedom_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.lower_bounds_ == other.lower_bounds_
    assert repr(one.get_params()) == repr(other.get_params())
    np.testing.assert_array_equal(one.score_samples(rows), other.score_samples(rows))


@pytest.mark.parametrize("weights", PRIORS)
def test_files_and_pickles_bring_it_back(
    weights: Any, covariance_type: Any, rows: np.ndarray, tmp_path: Path
) -> None:
    model = fitted(rows, weight_concentration_prior_type=weights, covariance_type=covariance_type)
    model.save(tmp_path / "a")
    assert_same(BayesianGaussianMixture.load(tmp_path / "a"), model, rows)
    assert_same(pickle.loads(pickle.dumps(model)), model, rows)
    assert not pickle.loads(pickle.dumps(BayesianGaussianMixture())).is_fitted


def test_arrays_of_the_constructor_and_names_come_back(rows: np.ndarray, tmp_path: Path) -> None:
    model = fitted(rows, mean_prior=np.array([1.0, 2.0, 3.0]), covariance_prior=np.eye(3))
    model.save(tmp_path / "a")
    other = BayesianGaussianMixture.load(tmp_path / "a")
    np.testing.assert_array_equal(other.mean_prior, model.mean_prior)
    np.testing.assert_array_equal(other.covariance_prior, np.eye(3))
    single = fitted(rows, covariance_type="spherical", covariance_prior=2.5)
    single.save(tmp_path / "a")
    assert BayesianGaussianMixture.load(tmp_path / "a").covariance_prior_ == 2.5


def test_a_warm_start_goes_on_from_a_file(rows: np.ndarray, tmp_path: Path) -> None:
    model = fitted(rows, warm_start=True)
    model.save(tmp_path / "a")
    other = BayesianGaussianMixture.load(tmp_path / "a").fit(rows)
    np.testing.assert_array_equal(other.means_, model.fit(rows).means_)


def test_what_is_no_file_of_a_posterior(rows: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(NotFittedError):
        BayesianGaussianMixture().save(path)
    assert not path.exists()
    fastgmm.GaussianMixture(2, random_state=0).fit(rows).save(path)
    with pytest.raises(FileFormatError, match="holds a fastgmm model, not a posterior"):
        BayesianGaussianMixture.load(path)
    fitted(rows).save(path)
    with pytest.raises(FileFormatError, match="holds a fastgmm posterior, not a model"):
        fastgmm.load(path)
    content = path.read_bytes()
    path.write_bytes(content[:-40])
    with pytest.raises(FileFormatError, match="checksum"):
        BayesianGaussianMixture.load(path)
    path.write_bytes(b"1,2\n")
    with pytest.raises(FileFormatError, match="does not begin with"):
        BayesianGaussianMixture.load(path)


@pytest.mark.parametrize("name", ["held", "prior"])
def test_contents_that_nobody_has_written(name: str, rows: np.ndarray, tmp_path: Path) -> None:
    model = fitted(rows)
    model.save(tmp_path / "a")
    facts, arrays = container.unpack((tmp_path / "a").read_bytes(), "posterior", "a")
    if name == "held":
        arrays[facts["posterior"]["held"]] = np.full(3, -1.0)
    else:
        facts["posterior"]["prior"]["dof"] = (1.0).hex()
    (tmp_path / "a").write_bytes(container.pack("posterior", facts, arrays))
    with pytest.raises(FileFormatError, match=r"a was not written by BayesianGaussianMixture.save"):
        BayesianGaussianMixture.load(tmp_path / "a")
    facts.pop("version")
    facts.pop("params")
    with pytest.raises(FileFormatError, match="does not hold a fitted posterior"):
        posterior_file.restored(facts, arrays, BayesianGaussianMixture()._params())
