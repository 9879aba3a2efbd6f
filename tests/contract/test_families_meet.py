"""Families meet: what goes together is right, and the rest is refused in one sentence."""

from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.typing import ALL_COVARIANCE_TYPES, LOW_RANK_TYPES

RESTRICTED = ("VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")


def mixture(kind: Any, k: int = 2, **params: Any) -> GaussianMixture:
    factors = {"n_factors": 2} if kind in LOW_RANK_TYPES else {}
    return GaussianMixture(k, covariance_type=kind, random_state=0, **factors, **params)


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    shapes = np.array([[1.0, 2.0, 0.5, 1.0], [1.0, 1.0, 1.5, 0.7]])
    return np.concatenate(
        [
            at + shape * rng.normal(size=(150, 4))
            for at, shape in zip((0.0, 5.0), shapes, strict=True)
        ]
    )


def never_falls(model: GaussianMixture) -> bool:
    bounds = np.array(model.lower_bounds_)
    return bool((np.diff(bounds) >= -1e-9 * np.abs(bounds[1:])).all())


@pytest.mark.parametrize("kind", ALL_COVARIANCE_TYPES)
@pytest.mark.parametrize("how", ["noise", "means", "weights"])
@pytest.mark.filterwarnings("ignore:.*did not converge")
def test_em_is_monotone(kind: Any, how: str, rows: np.ndarray) -> None:
    params: dict[str, Any] = {"noise": {"noise": "uniform"}}.get(how, {"frozen": how})
    if how == "means":
        params["means_init"] = [[0.5] * 4, [4.0] * 4]
    if how == "weights":
        params["weights_init"] = [0.4, 0.6]
    model = mixture(kind, reg_covar=1e-12, tol=0.0, gap_tol=None, max_iter=40, **params)
    assert never_falls(model.fit(rows))


@pytest.mark.parametrize("kind", LOW_RANK_TYPES)
def test_factors_about_means_that_are_kept(kind: Any, rng: np.random.Generator) -> None:
    """Far from the mean of the rows: the covariance takes in how far."""
    rows = rng.normal(size=(1000, 6)) @ rng.normal(size=(6, 6))
    init = rows.mean(axis=0, keepdims=True) + 2.0
    model = GaussianMixture(
        1, covariance_type=kind, n_factors=4, means_init=init, frozen="means", random_state=0
    ).fit(rows)
    assert never_falls(model)
    plain = GaussianMixture(1, covariance_type=kind, n_factors=4, random_state=0).fit(rows)
    moved = rows[:300] + 2.0
    adapted = plain.adapt(moved, parts="covariances")
    assert adapted.score(moved) > plain.score(moved)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "VEE", "low_rank"])
def test_factors_and_restrictions_with_labels_and_noise(kind: Any, rows: np.ndarray) -> None:
    """The log-likelihood under labels and noise is that of the same covariances written out."""
    labels = np.full(len(rows), -1)
    labels[::7] = 0
    volume = 1e5
    for params, given in (({"noise": volume}, {}), ({}, {"labels": labels})):
        model = mixture(kind, max_iter=3, **params).fit(rows)
        dense = model.covariances_
        if kind == "tied":
            dense = np.broadcast_to(dense, (2, *dense.shape))
        if dense.ndim == 2:
            dense = np.array([np.diag(one) for one in dense])
        whole = GaussianMixture.from_parameters(model.weights_, model.means_, dense, **params)
        ours, theirs = model.e_step(rows, **given), whole.e_step(rows, **given)
        assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, rel=1e-12)
        np.testing.assert_allclose(ours.component_weight, theirs.component_weight, rtol=1e-9)


def test_what_does_not_go_together(rows: np.ndarray) -> None:
    noisy = mixture("full", noise="uniform").fit(rows)
    plain = mixture("full").fit(rows)
    known = np.where(np.arange(len(rows)) < 20, 1, -1)
    refused: list[tuple[Any, str]] = [
        (lambda: noisy.adapt(rows), "adapt knows no noise"),
        (lambda: noisy.fisher_vectors([rows]), "fisher_vectors knows no noise"),
        (lambda: mixture("full", noise="uniform").fit(rows, labels=known), "rows with labels"),
        (lambda: mixture("full", noise=9.0).fit(rows, labels=known), "rows with labels"),
        (
            lambda: mixture("full").fit(rows).set_params(noise="uniform").partial_fit(rows),
            "made without noise",
        ),
        (
            lambda: plain.set_params(noise=1e4).m_step(plain.e_step(rows)),
            "made without noise",
        ),
        (
            lambda: noisy.set_params(noise=None, frozen="weights", warm_start=True).fit(rows),
            "go on from a mixture with noise",
        ),
        (lambda: mixture("full", noise=True).fit(rows), "'noise' parameter"),
        (
            lambda: mixture("full", noise=1.0, frozen="weights", weights_init=[0.5, 0.5]).fit(rows),
            "knows no noise",
        ),
    ]
    for call, sentence in refused:
        with pytest.raises(ValueError, match=sentence):
            call()
    posterior = fastgmm.BayesianGaussianMixture(n_components=2, random_state=0).fit(rows)
    with pytest.raises(TypeError, match="is of a GaussianMixture"):
        fastgmm.bootstrap(posterior, rows, 3)  # type: ignore[arg-type]


def test_masked_labels_are_missing(rows: np.ndarray) -> None:
    numbers = np.zeros(len(rows), int)
    numbers[150:160] = 1
    masked = np.ma.array(numbers, mask=(np.arange(len(rows)) % 150) >= 10)
    plain = np.where(masked.mask, -1, numbers)
    ours, theirs = (mixture("full").fit(rows, labels=one) for one in (masked, plain))
    np.testing.assert_array_equal(ours.means_, theirs.means_)
    with pytest.raises(TypeError, match="no mask"):
        mixture("full").fit(rows, labels=np.ma.array(np.ones((len(rows), 2), bool)))


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_one_component_may_collapse_beside_noise(kind: Any, rng: np.random.Generator) -> None:
    rows = np.concatenate([np.full((60, 2), 4.0), rng.uniform(-9.0, 9.0, (200, 2))])
    with pytest.warns(fastgmm.errors.CollapseWarning):
        model = GaussianMixture(1, covariance_type=kind, noise="uniform", random_state=0).fit(rows)
    assert [one.action for one in model.repairs_] == ["held"]


def test_the_decomposition_of_factors(rows: np.ndarray) -> None:
    model = mixture("low_rank").fit(rows)
    found = model.covariance_decomposition()
    volumes, shapes, axes = found
    again = np.einsum("k,kij,kj,klj->kil", volumes, axes, shapes, axes)
    np.testing.assert_allclose(again, model.covariances_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("part", ["means", "weights"])
def test_flags_per_component_with_factors(part: str, rows: np.ndarray) -> None:
    init: dict[str, Any] = {"means_init": [[0.0] * 4, [5.0] * 4], "weights_init": [0.5, 0.5]}
    model = mixture(
        "low_rank", frozen={part: [True, False]}, **{f"{part}_init": init[f"{part}_init"]}
    )
    kept = getattr(model.fit(rows), f"{part}_")[0]
    np.testing.assert_array_equal(kept, np.asarray(init[f"{part}_init"])[0])
