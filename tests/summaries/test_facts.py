"""What all summaries share: deviations, names, and how many rows there were."""

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.summaries.facts import counted, names_of, rows_text
from support import correlated_mixture, matrices_of


def test_deviations_of_every_type(rng, covariance_type):
    mixture = correlated_mixture(3, 4, rng)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    precisions = matrices_of(covariance_type, model.precisions_, model.means_)
    expected = np.sqrt(np.diagonal(np.linalg.inv(precisions), axis1=1, axis2=2))
    np.testing.assert_allclose(model._facts().deviations, expected, rtol=1e-10)


def test_deviations_of_low_rank(rng):
    rows = rng.normal(size=(200, 5)) * [1, 2, 3, 4, 5]
    model = GaussianMixture(2, covariance_type="low_rank", n_factors=1, random_state=0).fit(rows)
    expected = np.sqrt(np.diagonal(model.covariances_, axis1=1, axis2=2))
    np.testing.assert_allclose(model._facts().deviations, expected, rtol=1e-10)


def test_names_and_numbers_of_things():
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
    assert (rows_text(1.0), rows_text(0.5)) == ("1 row", "rows that weigh 0.5")
    assert names_of(None, 2) == ["x0", "x1"]
    assert names_of(np.array(["a", "b"], dtype=object), 2) == ["a", "b"]


def test_the_status_says_how_a_fit_ended(rng):
    rows = rng.normal(size=(342, 2))
    model = GaussianMixture(3, random_state=0)
    status = model.fit(rows)._facts().status
    assert status == f"fitted: 3 components, 342 rows, converged in {model.n_iter_} iterations"
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)
        model.set_params(max_iter=1).fit(rows)
    assert model._facts().status.endswith("342 rows, not converged after 1 iteration")
    stream = GaussianMixture(2, random_state=0)
    for _ in range(3):
        stream.partial_fit(rows)
    expected = f"fitted: 2 components, 1026 rows, learned in {stream.n_iter_} updates"
    assert stream._facts().status == expected
    given = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    assert given._facts().status == "given: 1 component"
