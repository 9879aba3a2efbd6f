"""What users' cases have broken once: each stands for a kind, and has its right value here.

The tests of the files hold many more cases of each kind; these are the ones that users met.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import fastgmm
from fastgmm import GaussianMixture


@pytest.fixture
def two_clusters() -> np.ndarray:
    """150 rows around the origin and 150 around (4, 4)."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 4]


# ---------------------------------------------------------------------- bytes from elsewhere

# ---------------------------------------------------------------------- settings and subclasses


def test_numbers_of_numpy_in_the_constructor(two_clusters: np.ndarray) -> None:
    plain = GaussianMixture(2, random_state=0).fit(two_clusters)
    for number in (np.int64(2), np.int8(2), np.uint64(2)):
        for method in ("fit", "partial_fit", "fit_predict"):
            getattr(GaussianMixture(number, random_state=0), method)(two_clusters)
        model = GaussianMixture(number, random_state=0).fit(two_clusters)
        assert model.means_.tobytes() == plain.means_.tobytes()
    search = GridSearchCV(GaussianMixture(random_state=0), {"n_components": np.arange(1, 4)}, cv=3)
    assert search.fit(two_clusters).best_params_["n_components"] == 2


def test_a_subclass_with_another_constructor(two_clusters: np.ndarray, tmp_path: Path) -> None:
    class Adding(GaussianMixture):
        def __init__(self, n_components: int = 1, extra: int = 3) -> None:
            super().__init__(n_components, random_state=0)
            self.extra = extra

    class Handing(GaussianMixture):
        def __init__(self, **kw: Any) -> None:
            super().__init__(**kw)

    for model in (Adding(2), Handing(n_components=2, random_state=0)):
        assert repr(model)
        model.fit(two_clusters).save(tmp_path / "model.gmm")
        again = fastgmm.load(tmp_path / "model.gmm")
        assert again.means_.tobytes() == model.means_.tobytes()
    assert Adding(2).get_params() == {"n_components": 2, "extra": 3}


@pytest.mark.filterwarnings("ignore::fastgmm.errors.CollapseWarning")
def test_code_without_a_module() -> None:
    code = """
from fastgmm import GaussianMixture as G
import numpy as np
G(2, max_iter=1).fit(np.eye(9))
"""
    with pytest.warns(fastgmm.errors.ConvergenceWarning):
        exec(code, {})


def test_results_are_not_written_over_the_rows(two_clusters: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(two_clusters)
    block = two_clusters.copy()
    with pytest.raises(ValueError, match=r"^'out' lies in the memory of the rows"):
        model.predict_proba(block[:-1], out=block[1:])
    np.testing.assert_array_equal(block, two_clusters)


def test_integers_that_no_float_can_hold(two_clusters: np.ndarray) -> None:
    for top in (np.int64(2**63 - 1), np.uint64(2**64 - 1)):
        rows = np.stack([top - np.arange(300, dtype=top.dtype)] * 2, axis=1)
        with pytest.raises(ValueError, match=rf"^X\[0, 0\] is {top}, and float64"):
            GaussianMixture(2).fit(rows)


def test_criteria_of_compressed_rows(two_clusters: np.ndarray) -> None:
    rows = two_clusters.round()
    distinct, counts = fastgmm.compress(rows)
    model = GaussianMixture(2, random_state=0).fit(distinct, sample_weight=counts)
    for name in ("bic", "aic", "icl", "score"):
        criterion = getattr(model, name)
        weighed = criterion(distinct, sample_weight=counts)
        assert weighed == pytest.approx(criterion(rows), rel=1e-12)
    assert model.bic(distinct, sample_weight=counts) == pytest.approx(2187.3, abs=0.05)


def test_attributes_that_are_set(two_clusters: np.ndarray) -> None:
    model = GaussianMixture(2, random_state=0).fit(two_clusters)
    with pytest.raises(ValueError, match="assignment destination is read-only"):
        model.means_[0] = 99
    with pytest.raises(AttributeError, match=r"from_parameters\(.*reorder\("):
        model.means_ = np.zeros((2, 2))


def test_the_words_of_scikit_learn_come_first() -> None:
    sentence = (
        "This GaussianMixture instance is not fitted yet. Call 'fit' with appropriate arguments "
        "before using this estimator."
    )
    with pytest.raises(fastgmm.errors.NotFittedError) as caught:
        GaussianMixture().predict([[0.0]])
    assert str(caught.value) == sentence
    with pytest.raises(fastgmm.errors.NotFittedError) as caught:
        GaussianMixture(5).partial_fit([[0.0]]).predict([[0.0]])
    assert str(caught.value).startswith(sentence + " Only 1 rows have come to partial_fit, too few")


# ---------------------------------------------------------------------- streams

# ---------------------------------------------------------------------- ends of fits

# ---------------------------------------------------------------------- starts

# ---------------------------------------------------------------------- arrays and frames

# ---------------------------------------------------------------------- the command and its files
