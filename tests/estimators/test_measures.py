"""Distances, regions and divergences of a fitted model and of a snapshot."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fastgmm import GaussianMixture
from fastgmm.errors import NotFittedError
from support import known_model, matrices_of

NAMES = ["length", "width", "depth", "mass"]


@pytest.fixture
def model(covariance_type: Any, rng: np.random.Generator) -> GaussianMixture:
    fitted: GaussianMixture = known_model(covariance_type, rng)[0]
    return fitted


@pytest.fixture
def named(rng: np.random.Generator) -> GaussianMixture:
    rows = known_model("full", rng)[1]
    return GaussianMixture(2, random_state=0).fit(pd.DataFrame(rows, columns=NAMES))


# ---------------------------------------------------------------- distances and regions


def test_mahalanobis_and_log_density_agree(
    covariance_type: str, model: GaussianMixture, rng: np.random.Generator
) -> None:
    rows = rng.standard_normal((20, 4))
    matrices = matrices_of(covariance_type, model.covariances_, model.means_)
    offsets = -0.5 * (np.linalg.slogdet(matrices)[1] + 4 * np.log(2.0 * np.pi))
    expected = offsets - 0.5 * model.mahalanobis(rows) ** 2
    np.testing.assert_allclose(model.component_log_density(rows), expected, rtol=1e-11)


def test_density_region_is_seeded(model: GaussianMixture) -> None:
    one = model.density_region(0.9, n_samples=500, random_state=3)
    assert type(one) is float
    assert one == model.density_region(0.9, n_samples=500, random_state=3)
    assert one == model.set_params(random_state=3).density_region(0.9, n_samples=500)
    assert one != model.density_region(0.9, n_samples=500, random_state=4)
    assert model.density_region(0.5, random_state=0) > model.density_region(0.99, random_state=0)


@pytest.mark.parametrize("level", [0.0, 1.0, 90, -0.1, np.nan, "0.9", True, None])
def test_levels_out_of_range(level: Any, rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"^level must be a number between 0 and 1, such as 0.9"):
        known_model("full", rng)[0].density_region(level)


# ---------------------------------------------------------------- other mixtures


def test_divergence_is_seeded_and_takes_snapshots(rng: np.random.Generator) -> None:
    (p, _), (q, _) = known_model("full", rng, 3, 2), known_model("diag", rng, 2, 2)
    found = p.kl_divergence(q, n_samples=500, random_state=1)
    assert [type(number) for number in found] == [float, float]
    assert found == p.kl_divergence(q.snapshot(), n_samples=500, random_state=1)
    assert found != p.kl_divergence(q, n_samples=500, random_state=2)
    assert p.kl_divergence_bound(q) == p.kl_divergence_bound(q.snapshot())
    _, small = p.kl_divergence(q, n_samples=40_000, random_state=1)
    assert small < 0.25 * found[1]


def test_divergence_from_what_is_no_such_mixture(
    named: GaussianMixture, rng: np.random.Generator
) -> None:
    model, rows = known_model("full", rng)
    for other in (rows, None, "model"):
        with pytest.raises(TypeError, match=r"^other must be a fitted GaussianMixture or a Snap"):
            model.kl_divergence(other)
    with pytest.raises(NotFittedError):
        model.kl_divergence(GaussianMixture())
    with pytest.raises(ValueError, match=r"^other must have the 4 columns of this model, and it h"):
        model.kl_divergence_bound(model.marginal([0, 1]))
    swapped = named.marginal([1, 0, 2, 3])
    with pytest.raises(ValueError, match=r"its column 0 is 'width', not 'length': bring both"):
        named.kl_divergence(swapped)
    assert model.kl_divergence_bound(named) > 0.0  # one of them has no names
    for count in (1, 0, 2.5, True, None):
        with pytest.raises(ValueError, match=r"^n_samples must be an integer of at least 2, got"):
            model.kl_divergence(model, n_samples=count)


def test_a_snapshot_measures_the_same(model: GaussianMixture, rng: np.random.Generator) -> None:
    snapshot, rows = model.snapshot(), rng.standard_normal((5, 4))
    np.testing.assert_array_equal(snapshot.mahalanobis(rows), model.mahalanobis(rows))
    one, other = (each.density_region(0.9, random_state=0) for each in (snapshot, model))
    assert one == other
    assert snapshot.kl_divergence(model, random_state=0) == (0.0, 0.0)


def test_one_component_and_one_column(covariance_type: Any, rng: np.random.Generator) -> None:
    model, _ = known_model(covariance_type, rng, 1, 1)
    assert model.mahalanobis(model.means_) == [[pytest.approx(0.0, abs=1e-12)]]
    deviation = np.sqrt(np.ravel(model.covariances_)[0])
    assert model.mahalanobis(model.means_ + 2.0 * deviation) == [[pytest.approx(2.0)]]
    float32 = model.means_.astype(np.float32)
    assert model.mahalanobis(float32).dtype == np.float32


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.mahalanobis([[1.0]]),
        lambda model: model.density_region(0.9),
        lambda model: model.kl_divergence(model),
        lambda model: model.kl_divergence_bound(model),
    ],
)
def test_a_model_without_a_fit_measures_nothing(ask: Any) -> None:
    with pytest.raises(NotFittedError, match="not fitted yet"):
        ask(GaussianMixture())
