"""Numbers of the constructor may be of any type that NumPy has: the results have the same bytes."""

import copy
import io
import pickle
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.base
import sklearn.mixture
from sklearn.model_selection import GridSearchCV

import fastgmm
from fastgmm import GaussianMixture
from support import error_of

INTEGERS = (
    *(np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
    *(np.intp, np.longlong, np.bool_),
)
FLOATS = (np.float16, np.float32, np.float64, np.longdouble, Fraction)
COUNTS = {
    "n_components": 2,
    "max_iter": 100,
    "n_init": 3,
    "random_state": 7,
    "verbose": 0,
    "verbose_interval": 100,
    "n_threads": 2,
}
"""An integer that every type holds, for each parameter that is one."""
REALS = {
    "tol": 0.0009765625,
    "reg_covar": 0.00048828125,
    "half_life": 512.0,
    "learning_exponent": 0.75,
    "gap_tol": 0.000244140625,
}
"""A number that every type holds exactly, for each parameter that is one."""


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(5)
    clusters = [rng.normal(size=(150, 3)) @ rng.normal(size=(3, 3)) + 5.0 * k for k in range(2)]
    return np.concatenate(clusters)[rng.permutation(300)]


def everything(params: dict[str, Any], rows: np.ndarray, path: Path) -> bytes:
    """The bytes of all that a model does: a fit, a stream, statistics, a file, a copy."""
    written = io.BytesIO()
    model = GaussianMixture(**params)
    model.fit(rows)
    labels = model.fit_predict(rows, sample_weight=np.linspace(0.5, 2.0, len(rows)))
    model.m_step(model.e_step(rows))
    model.save(path)
    again = fastgmm.load(path)
    batched = GaussianMixture(**params).fit_batches([rows[:100], rows[100:]])
    stream = GaussianMixture(**params)
    for part in (rows[:50], rows[50:], rows[:200]):
        stream.partial_fit(part)
        stream = pickle.loads(pickle.dumps(copy.deepcopy(stream)))
    for one in (model, again, batched, stream, model.snapshot()):
        for array in (one.weights_, one.means_, one.covariances_, one.predict_proba(rows)):
            written.write(array.tobytes())
    written.write(labels.tobytes())
    for array in again.sample(3):
        written.write(array.tobytes())
    written.write(repr((model.lower_bounds_, model.n_iter_, stream.lower_bounds_)).encode())
    written.write(path.read_bytes())
    return written.getvalue()


def with_number(name: str, value: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"n_components": 2, "random_state": 7, "max_iter": 50}
    return params | {name: value}


@pytest.fixture(scope="module")
def of_python(rows: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("models") / "model.gmm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numbers = COUNTS | REALS | {"warm_start": True}
        return {n: everything(with_number(n, v), rows, path) for n, v in numbers.items()}


@pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")
@pytest.mark.parametrize("kind", [*INTEGERS, *FLOATS], ids=lambda kind: kind.__name__)
def test_a_whole_life(
    kind: Any, rows: np.ndarray, of_python: dict[str, bytes], tmp_path: Path
) -> None:
    numbers: dict[str, Any] = COUNTS if kind in INTEGERS else REALS
    if kind is np.bool_:
        numbers = {"warm_start": True}
    for name, number in numbers.items():
        params = with_number(name, kind(number))
        assert everything(params, rows, tmp_path / "model.gmm") == of_python[name], name
        model = GaussianMixture(**params)
        assert model.get_params()[name] is params[name], "what the user gave is kept"
        assert sklearn.base.clone(model).get_params()[name] is params[name]


def test_all_at_once_in_small_types(rows: np.ndarray, tmp_path: Path) -> None:
    small: dict[str, Any] = {name: np.int8(number) for name, number in COUNTS.items()}
    small |= {name: np.float16(number) for name, number in REALS.items()}
    small |= {"warm_start": np.False_, "covariance_type": np.str_("tied")}
    plain = COUNTS | REALS | {"warm_start": False, "covariance_type": "tied"}
    path = tmp_path / "model.gmm"
    assert everything(small, rows, path) == everything(plain, rows, path)


@pytest.mark.filterwarnings("ignore::fastgmm.errors.CollapseWarning")
def test_grid_search_over_arrays(rows: np.ndarray) -> None:
    grid = {
        "n_components": np.arange(1, 4, dtype=np.int8),
        "reg_covar": np.logspace(-6, -5, 2, dtype=np.float32),
        "covariance_type": np.array(["full", "diag"]),
    }
    search = GridSearchCV(GaussianMixture(random_state=np.int64(0)), grid, cv=2).fit(rows)
    assert search.best_params_["n_components"] == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_select_over_arrays(rows: np.ndarray) -> None:
    kinds = np.array(["full", "diag"])
    given = (np.arange(1, 4, dtype=np.uint8), kinds)
    small = fastgmm.select(
        rows, *given, random_state=np.uint8(3), n_threads=np.int8(2), n_init=np.int8(2)
    )
    plain = fastgmm.select(rows, [1, 2, 3], ["full", "diag"], random_state=3, n_init=2)
    assert small.table == plain.table


@pytest.mark.parametrize("name", [*COUNTS, *REALS, "warm_start"])
@pytest.mark.parametrize("value", [np.array(2), np.array(0.5), np.array([2]), "2", 1j, b"2", []])
def test_other_things_are_no_numbers(name: str, value: Any, rows: np.ndarray) -> None:
    """Arrays without dimensions are none to scikit-learn either."""
    error = error_of(GaussianMixture(**{name: value}).fit, rows)
    # The seed may be a Generator here, which the sentence says.
    if name in sklearn.mixture.GaussianMixture().get_params() and name != "random_state":
        theirs = error_of(sklearn.mixture.GaussianMixture(**{name: value}).fit, rows)
        assert str(error) == str(theirs)
        assert isinstance(error, ValueError)
    assert isinstance(error, fastgmm.errors.InvalidParameterError)


@pytest.mark.parametrize("name", REALS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 10**400, np.longdouble("1e4000"), None])
def test_numbers_out_of_range(name: str, value: Any, rows: np.ndarray) -> None:
    if value is None and name in ("half_life", "gap_tol"):
        return
    model = GaussianMixture(**{name: value})
    for method in (model.fit, model.partial_fit, model.fit_predict):
        with pytest.raises(fastgmm.errors.InvalidParameterError, match=f"^The '{name}' parameter"):
            method(rows)
    assert not model.is_fitted
