"""Noise in EM against its definition, against mclust, and from starts of its own.

mclust's numbers are those of R 4.2.2 with mclust 6.0.0.  Of faithful with 40 uniform rows they
come after ``np.savetxt("rows.csv", rows_of_faithful(), fmt="%.17g", delimiter=",")`` and

    library(mclust); Y <- as.matrix(read.csv("rows.csv", header = FALSE))
    z <- unmap(c(ifelse(Y[1:272, 1] < 3, 1, 2), rep(3, 40)))
    me(data = Y, modelName = "VVV", z = z, Vinv = 1 / hypvol(Y),
       control = emControl(tol = c(1e-16, 1e-16), itmax = c(1000000, 1000)))
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

from fastgmm import GaussianMixture
from fastgmm.data.batches import BatchData
from fastgmm.data.rows import RowData
from fastgmm.em import relative_frame as frame
from fastgmm.em.e_step import Passes, expectation
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.noise import WithNoise, box_around, family_of, with_rest
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.noise import Noise
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.validation.batches import CheckedBatches
from support import COVARIANCE_TYPES, correlated_mixture, in_shape_of, matrices_of

DTYPES = (np.float32, np.float64)
FAITHFUL = Path(__file__).parents[2] / "data" / "faithful.csv"
HYPVOL = 386.03663307479979
MCLUST = {
    "full": (-1450.208970791052, 0.165851247978, 0.291289537113, 2.005110383372, 54.112722787404),
    "tied": (-1461.709793474220, 0.161360376195, 0.303693803075, 2.038387725888, 54.221502568431),
    "diag": (-1457.941350032245, 0.183574591616, 0.288445584499, 2.001900639914, 53.960044970941),
    "tied_diag": (
        *(-1468.442665976844, 0.175070082281, 0.300713273242, 2.034401361896, 54.046817236708),
    ),
    "spherical": (
        *(-1784.447429262809, 0.722229345776, 0.058373600909, 2.018677362398, 53.867409192706),
    ),
    "tied_spherical": (
        *(-1786.348329050184, 0.779443752951, 0.069788749489, 2.052561784784, 53.706431032180),
    ),
}
"""Log-likelihood, the weights of noise and of the first component, and the first mean."""
HYPVOLS = {
    (0, 1): 2.9199698799926002,
    (1, 2): 108.71141266068597,
    (2, 3): 172.16814510653944,
    (3, 5): 4329.5047766285325,
    (4, 9): 435523363.47852194,
}
"""hypvol of `rows_of` a seed and a number of columns."""


def rows_of_faithful() -> np.ndarray:
    faithful = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
    beyond = np.array([1.0, 10.0])
    ends = faithful.min(axis=0) - beyond, faithful.max(axis=0) + beyond
    return np.concatenate([faithful, np.random.default_rng(0).uniform(*ends, (40, 2))])


def rows_of(seed: int, d: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((200, d)) @ rng.standard_normal((d, d)) + rng.uniform(-5, 5, d)


def labelled_start(rows: np.ndarray, kind: Any) -> dict[str, Any]:
    """Return the parameters of two clusters and noise, as mclust makes them of its z."""
    labels = np.concatenate([np.where(rows[:272, 0] < 3.0, 0, 1), np.full(40, -1)])
    weights = np.array([np.mean(labels == k) for k in range(2)])
    means = np.array([rows[labels == k].mean(axis=0) for k in range(2)])
    full = np.array([np.cov(rows[labels == k].T, bias=True) for k in range(2)])
    covariances = in_shape_of(kind, full, weights / weights.sum())
    mixture = Mixture.from_covariances(weights, means, covariances, kind)
    return {"weights_init": weights, "means_init": means, "precisions_init": mixture.precisions}


@pytest.mark.parametrize("acceleration", [None, "lbfgs"])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_mclust_on_faithful(kind: Any, acceleration: Any) -> None:
    rows = rows_of_faithful()
    model = GaussianMixture(
        2,
        covariance_type=kind,
        noise="uniform",
        tol=0.0,
        gap_tol=1e-13,
        reg_covar=0.0,
        max_iter=10_000,
        acceleration=acceleration,
        **labelled_start(rows, kind),
    ).fit(rows)
    log_likelihood, noise, weight, *mean = MCLUST[kind]
    assert model.noise_volume_ == pytest.approx(HYPVOL, rel=1e-13)
    assert len(rows) * model.score(rows) == pytest.approx(log_likelihood, abs=1e-9)
    assert model.noise_weight_ == pytest.approx(noise, abs=3e-7)
    assert model.weights_[0] == pytest.approx(weight, abs=3e-7)
    np.testing.assert_allclose(model.means_[0], mean, rtol=3e-7)
    assert (np.diff(model.lower_bounds_) > -1e-13 * 6.0).all()


def test_mclusts_criteria() -> None:
    """`bic("VVV", r$loglik, 312, 2, 2, noise = TRUE)`, and twice the log of the largest z."""
    rows = rows_of_faithful()
    start = labelled_start(rows, "full")
    model = GaussianMixture(2, noise="uniform", tol=0, gap_tol=1e-13, reg_covar=0.0, **start)
    model.fit(rows)
    assert model.n_parameters == 13  # nMclustParams("VVV", 2, 2, noise = TRUE)
    assert model.bic(rows) == pytest.approx(2975.076983024, abs=1e-8)
    assert model.icl(rows) == pytest.approx(3012.440604987, abs=1e-4)


@pytest.mark.parametrize(("seed", "d"), HYPVOLS)
def test_the_volume_is_hypvol(seed: int, d: int) -> None:
    rows = rows_of(seed, d)
    checked = CheckedBatches(np.array_split(rows, 7), "fit_batches", n_threads=1)
    batches = BatchData(checked, 1)
    batches.peek()
    batches.sample(0, 10)  # which counts the rows
    for data in (RowData(rows), batches):
        box, log_volume = box_around(data)
        assert np.exp(log_volume) == pytest.approx(HYPVOLS[seed, d], rel=1e-12)
        within = box.coordinates(rows)
        np.testing.assert_allclose([within.min(), within.max()], [0.0, 1.0], atol=1e-12)
    weight = np.concatenate([np.arange(1.0, 201.0), np.zeros(1)])
    far = np.concatenate([rows, np.full((1, d), 1e3)])
    again, _ = box_around(RowData(far, weight))  # other axes, and no row of no weight
    assert again.coordinates(rows).max() == pytest.approx(1.0)
    assert box_around(RowData(rows + 1e6))[1] == pytest.approx(log_volume, abs=1e-6)


def test_rows_without_a_volume(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((50, 3))
    rows[:, 1] = 2.0
    with pytest.raises(ValueError, match="column 1 has one value"):
        box_around(RowData(rows))
    rows[:, 1] = rows[:, 0] + rows[:, 2]
    with pytest.raises(ValueError, match="lie in a plane"):
        box_around(RowData(rows))


# ---------------------------------------------------------------- the steps


def noisy(
    kind: Any, rng: np.random.Generator, d: int, dtype: Any = np.float64, k: int = 3
) -> tuple[Mixture, np.ndarray]:
    """Return a mixture with noise, some way off its rows, and these: clusters and a box."""
    truth = correlated_mixture(k, d, rng)
    side = 2.0 * np.abs(truth.means).max() + 10.0
    box = rng.uniform(-side / 2, side / 2, (600, d))
    rows = np.concatenate([truth.sample(900, rng)[0], box]).astype(dtype)
    covariances = in_shape_of(kind, 1.5 * truth.covariances, truth.weights)
    mixture = Mixture.from_covariances(0.7 * truth.weights, truth.means, covariances, kind, dtype)
    return replace(mixture, noise=Noise(0.3, d * float(np.log(side)))), rows


def joint_of(mixture: Mixture, rows: np.ndarray) -> np.ndarray:
    """Return log weights times densities (n, K + 1), those of noise last, by the definition."""
    matrices = matrices_of(mixture.covariance_type, mixture.covariances, mixture.means)
    logs = []
    for weight, mean, matrix in zip(mixture.weights, mixture.means, matrices, strict=True):
        apart = np.linalg.solve(np.linalg.cholesky(matrix), (rows - mean).T)
        constant = np.linalg.slogdet(2.0 * np.pi * matrix)[1]
        logs.append(np.log(weight) - 0.5 * (constant + (apart**2).sum(axis=0)))
    assert mixture.noise is not None
    noise = np.log(mixture.noise.weight) - mixture.noise.log_volume
    return np.array([*logs, np.full(len(rows), noise)]).T


def expected_sums(mixture: Mixture, rows: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
    joint, about = joint_of(mixture, rows), mixture.means.astype(mixture.dtype).astype(np.float64)
    density = logsumexp(joint, axis=1)
    shares = weight[:, None] * np.exp(joint - density[:, None])[:, :-1]
    apart = rows[:, None, :] - about
    second = np.einsum("nk,nki,nkj->kij", shares, apart, apart)
    kind = mixture.covariance_type
    if "tied" in kind:
        second = second.sum(axis=0)
    if "diag" in kind:
        second = np.diagonal(second, axis1=-2, axis2=-1)
    if "spherical" in kind:
        second = np.trace(second, axis1=-2, axis2=-1)
    return {
        "component_weight": shares.sum(axis=0),
        "first_moment": np.einsum("nk,nki->ki", shares, apart),
        "second_moment": second,
        "log_likelihood": weight @ density,
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("d", [1, 3, 16, 40])
def test_sums_are_those_of_the_definition(
    d: int, kind: Any, dtype: Any, rng: np.random.Generator
) -> None:
    for k in (1, 3):
        mixture, rows = noisy(kind, rng, d, dtype, k)
        weight = rng.exponential(size=len(rows))
        rtol, per_row = (1e-12, 0.0) if dtype is np.float64 else (3e-6, 3e-6)
        wanted = expected_sums(mixture, rows.astype(np.float64), weight)
        data = RowData(rows, weight, 1)
        passes = Passes(data, kind, k, np.zeros(()))
        for got in (expectation(mixture, data), *(passes(mixture) for _ in range(3))):
            for name, sums in wanted.items():
                atol = max(rtol * np.abs(sums).max(), per_row * weight.sum())
                np.testing.assert_allclose(getattr(got, name), sums, rtol=rtol, atol=atol)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_the_m_step_gives_noise_the_rest(kind: Any, rng: np.random.Generator) -> None:
    mixture, rows = noisy(kind, rng, 3)
    statistics = expectation(mixture, RowData(rows))
    family = WithNoise("uniform").following(mixture)
    found = family.maximize(statistics, Regularization())
    plain = MAXIMUM_LIKELIHOOD.maximize(statistics, Regularization())
    shares = np.exp(joint_of(mixture, rows) - logsumexp(joint_of(mixture, rows), axis=1)[:, None])
    np.testing.assert_allclose(found.all_weights, shares.mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(found.means, plain.means)
    np.testing.assert_array_equal(found.covariances, plain.covariances)
    stream = WithNoise("uniform").maximize(statistics, Regularization(), mixture)
    np.testing.assert_array_equal(stream.all_weights, found.all_weights)
    implied = family.imply(found, Regularization())
    again = family.maximize(implied, Regularization())
    np.testing.assert_allclose(again.all_weights, found.all_weights, rtol=1e-12)


def test_noise_may_hold_everything(rng: np.random.Generator) -> None:
    mixture, rows = noisy("full", rng, 2)
    far = expectation(mixture, RowData(rows + 1e4))
    assert isinstance(far, SufficientStatistics)
    found = family_of("uniform", mixture).maximize(far, Regularization.of(1e-6))
    np.testing.assert_array_equal(found.all_weights, [0.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_the_gradient_knows_the_weight_of_noise(kind: Any, rng: np.random.Generator) -> None:
    """It is that of the log-likelihood along any step, which two sided differences tell."""
    mixture, rows = noisy(kind, rng, 3)
    data = RowData(rows)
    gradient = frame.gradient(mixture, expectation(mixture, data), Regularization())
    n = len(gradient)
    assert n == mixture.n_parameters  # the volume is no coordinate, and weights have one too many
    for _ in range(3):
        step = 1e-5 * rng.standard_normal(n)
        values = [
            logsumexp(joint_of(frame.mixture_at(mixture, sign * step), rows), axis=1).mean()
            for sign in (1.0, -1.0)
        ]
        assert gradient @ step == pytest.approx((values[0] - values[1]) / 2.0, rel=1e-6)
    there = frame.mixture_at(mixture, step)
    assert there.all_weights.sum() == pytest.approx(1.0)
    back = frame.coordinates(mixture, there)
    np.testing.assert_allclose(back[4:], step[4:], atol=1e-12)


# ---------------------------------------------------------------- families and starts


def test_the_family_of_a_wish() -> None:
    assert family_of(None) is MAXIMUM_LIKELIHOOD
    given = family_of(20.0)
    assert given.noise is not None
    assert given.noise.log_volume == pytest.approx(np.log(20.0))
    assert family_of("uniform").noise is None  # until rows come
    assert family_of("uniform").n_parameters("full", 2, 3) == 1 + 2 * 3 + 2 * 6 + 2


def test_noise_begins_with_what_weights_leave() -> None:
    family = WithNoise(20.0)
    for weights, expected in (([0.5, 0.3], 0.2), ([0.5, 0.5], 0.05)):
        plain = Mixture.from_covariances(
            np.array(weights), np.zeros((2, 1)), np.ones((2, 1, 1)), "full"
        )
        begun = family.begun(plain, Regularization(), 1.0)
        assert begun.all_weights.sum() == pytest.approx(1.0)
        assert begun.all_weights[-1] == pytest.approx(expected)
        assert family.begun(begun, Regularization(), 1.0).all_weights[-1] == begun.all_weights[-1]
    assert with_rest(plain, None) is plain
    assert with_rest(plain, 3.0).all_weights[-1] == 0.0
    with pytest.raises(ValueError, match="give the volume"):
        with_rest(plain, "uniform")


def scene(
    seed: int, d: int, share: float, n: int = 2000
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of three clusters and noise around them, their labels, and the means."""
    rng = np.random.default_rng([seed, d])
    means = 8.0 * rng.standard_normal((3, d)) if d > 1 else np.array([[-10.0], [0.0], [10.0]])
    roots = rng.standard_normal((3, d, d)) / np.sqrt(d)
    labels = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    rows = means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.standard_normal((n, d)))
    n_noise = int(share * n / (1.0 - share))
    noise = rng.uniform(rows.min(axis=0) - 8.0, rows.max(axis=0) + 8.0, (n_noise, d))
    return np.concatenate([rows, noise]), np.append(labels, np.full(n_noise, -1)), means


@pytest.mark.parametrize("share", [0.1, 0.3])
@pytest.mark.parametrize("d", [1, 2, 5, 12])
@pytest.mark.parametrize("seed", range(4))
def test_clusters_are_found_within_noise(seed: int, d: int, share: float) -> None:
    rows, labels, means = scene(seed, d, share)
    model = GaussianMixture(3, noise="uniform", random_state=seed, max_iter=500).fit(rows)
    order = [int(np.square(model.means_ - mean).sum(axis=1).argmin()) for mean in means]
    assert sorted(order) == [0, 1, 2]
    assert model.noise_weight_ == pytest.approx(share, abs=0.03)
    found = model.reorder(order).predict(rows)
    assert np.mean(found == labels) > (0.93 if d > 1 else 0.85)  # intervals hold much noise


@pytest.mark.parametrize("method", ["ward", "kmeans", "k-means++", "random_from_data"])
def test_every_start_leaves_noise_out(method: Any) -> None:
    rows, labels, _ = scene(0, 3, 0.3)
    model = GaussianMixture(3, noise="uniform", init_params=method, n_init=3, random_state=0)
    assert np.mean((model.fit_predict(rows) == -1) == (labels == -1)) > 0.97


@pytest.mark.parametrize("seed", range(3))
def test_a_small_cluster_is_not_noise(seed: int) -> None:
    """One of a fiftieth of the rows, and three times as many of noise."""
    rng = np.random.default_rng(seed)
    sizes, centres = (1000, 500, 40), np.array([[0.0, 0.0], [12.0, 3.0], [5.0, -14.0]])
    clusters = [rng.normal(c, 0.7, (n, 2)) for c, n in zip(centres, sizes, strict=True)]
    rows = np.concatenate([*clusters, rng.uniform(-20.0, 20.0, (120, 2))])
    model = GaussianMixture(3, noise="uniform", random_state=seed).fit(rows)
    nearest = np.abs(model.means_[:, None] - centres).sum(axis=2).min(axis=0)
    assert (nearest < 0.6).all()
    assert model.noise_weight_ == pytest.approx(120 / 1660, abs=0.02)


def test_rows_without_noise_have_next_to_none(rng: np.random.Generator) -> None:
    rows, _ = correlated_mixture(3, 4, rng).sample(2000, rng)
    plain = GaussianMixture(3, random_state=0).fit(rows)
    model = GaussianMixture(3, noise="uniform", random_state=0).fit(rows)
    assert model.noise_weight_ < 0.01
    assert model.score(rows) >= plain.score(rows) - 1e-3


# ---------------------------------------------------------------- fits


def parts(model: GaussianMixture) -> tuple[bytes, ...]:
    arrays = model.weights_, model.means_, model.covariances_, np.float64(model.noise_weight_)
    return tuple(array.tobytes() for array in arrays)


@pytest.mark.parametrize("n", [400, 30_000])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_threads_and_lookers_on_do_not_show(kind: Any, n: int) -> None:
    """With a callback the loop iterates, and without it compiled code where the rows are few."""
    rows, _, _ = scene(1, 3, 0.2, n)
    model = GaussianMixture(
        3, covariance_type=kind, noise="uniform", random_state=0, tol=1e-7, max_iter=40
    )
    seen: list[float] = []
    with np.errstate(all="ignore"):
        one = parts(model.set_params(n_threads=1).fit(rows))
        three = parts(model.set_params(n_threads=3).fit(rows))
        told = parts(model.fit(rows, callback=lambda step: seen.append(step.lower_bound)))
    assert one == three == told
    assert (np.diff(seen) > -1e-12 * np.abs(seen[0])).all()


def test_batches_are_the_same_fit() -> None:
    rows, _, _ = scene(2, 4, 0.2)
    weight = np.random.default_rng(0).exponential(size=len(rows))
    model = GaussianMixture(3, noise="uniform", random_state=0).fit(rows, sample_weight=weight)
    pairs = list(zip(np.array_split(rows, 5), np.array_split(weight, 5), strict=True))
    batched = GaussianMixture(3, noise="uniform", random_state=0).fit_batches(pairs)
    assert batched.noise_volume_ == pytest.approx(model.noise_volume_, rel=1e-12)
    np.testing.assert_allclose(batched.means_, model.means_, rtol=1e-9)
    assert batched.noise_weight_ == pytest.approx(model.noise_weight_, rel=1e-9)


def test_weights_count_rows() -> None:
    rows, _, _ = scene(3, 2, 0.2, 300)
    twice = np.concatenate([rows, rows[::2]])
    weight = np.where(np.arange(len(rows)) % 2 == 0, 2.0, 1.0)
    start = {"means_init": scene(3, 2, 0.2, 300)[2], "max_iter": 300, "tol": 1e-9}
    one = GaussianMixture(3, noise="uniform", random_state=0, **start)
    one.fit(rows, sample_weight=weight)
    other = GaussianMixture(3, noise="uniform", random_state=0, **start).fit(twice)
    assert one.noise_volume_ == pytest.approx(other.noise_volume_, rel=1e-12)
    assert one.noise_weight_ == pytest.approx(other.noise_weight_, abs=1e-5)
    np.testing.assert_allclose(one.means_, other.means_, atol=1e-3)


def test_a_lost_component_goes_where_noise_is_dense(rng: np.random.Generator) -> None:
    """A cluster that no component has is noise at first, and no noise any more in the end."""
    clusters = [rng.normal(c, 1.0, (400, 2)) for c in ((0.0, 0.0), (20.0, 0.0))]
    rows = np.concatenate([*clusters, rng.uniform(-30.0, 30.0, (300, 2))])
    given = {"means_init": [[0.0, 0.0], [300.0, 300.0]], "weights_init": [0.4, 0.1]}
    given["precisions_init"] = np.repeat(np.eye(2)[None], 2, axis=0)
    model = GaussianMixture(2, noise="uniform", random_state=0, **given)
    with pytest.warns(UserWarning, match="moved"):
        model.fit(rows)
    np.testing.assert_allclose(np.sort(model.means_[:, 0]), [0.0, 20.0], atol=0.5)
    assert model.noise_weight_ == pytest.approx(300 / 1100, abs=0.03)
