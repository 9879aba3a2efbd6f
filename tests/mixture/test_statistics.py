"""Sufficient statistics: a value that adds, moves and scales."""

import copy

import numpy as np
import pytest

from fastgmm import GaussianMixture, SufficientStatistics
from support import correlated_mixture, in_shape_of

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")

SUMS = ("component_weight", "first_moment", "second_moment")


def assert_same_sums(
    got: SufficientStatistics, expected: SufficientStatistics, relative: float
) -> None:
    """Compare the sums, each relative to its largest value; relative=0 asks for the same bits."""
    assert got.covariance_type == expected.covariance_type
    for name in (*SUMS, "weight", "log_likelihood"):
        value = np.asarray(getattr(expected, name))
        assert np.shape(getattr(got, name)) == value.shape
        atol = relative * np.abs(value).max()
        np.testing.assert_allclose(getattr(got, name), value, rtol=0.0, atol=atol, err_msg=name)


def direct(
    model: GaussianMixture, X: np.ndarray, weight: np.ndarray, reference: np.ndarray
) -> dict[str, np.ndarray]:
    """Sum what the documentation says, the obvious way, in long double."""
    r = model.predict_proba(X).astype(np.longdouble) * weight[:, None]
    d = X[:, None, :].astype(np.longdouble) - reference
    second = np.einsum("nk,nki,nkj->kij", r, d, d)
    if model.covariance_type.startswith("tied"):
        second = second.sum(axis=0)
    if model.covariance_type.endswith("diag"):
        second = np.einsum("...jj->...j", second)
    if model.covariance_type.endswith("spherical"):
        second = np.einsum("...jj->...", second)
    return {
        "component_weight": r.sum(axis=0),
        "first_moment": np.einsum("nk,nkj->kj", r, d),
        "second_moment": second,
    }


# Around the sizes where the kernels change their arrangement.
@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5, 8, 15, 16, 17, 33])
def test_sums_are_what_they_say(n_features: int, covariance_type: str) -> None:
    rng = np.random.default_rng([n_features, 4])
    mixture = correlated_mixture(5, n_features, rng, separation=1.5 / n_features**0.5)
    model = GaussianMixture.from_parameters(
        mixture.weights,
        mixture.means + 0.2,
        mixture.covariances_as(covariance_type),
        covariance_type=covariance_type,
    )
    X, _ = mixture.sample(1000, rng)
    weight = rng.uniform(0.0, 3.0, len(X))
    for given in (None, weight):
        statistics = model.e_step(X, sample_weight=given)
        weights = np.ones(len(X)) if given is None else given
        np.testing.assert_array_equal(statistics.reference, model.means_)
        for name, expected in direct(model, X, weights, statistics.reference).items():
            scale = float(np.abs(expected).max())
            got = getattr(statistics, name)
            np.testing.assert_allclose(got, expected.astype(float), rtol=0.0, atol=1e-13 * scale)
            assert got.dtype == np.float64
            assert got.shape == expected.shape
        assert statistics.n_samples == len(X)
        assert statistics.weight == pytest.approx(weights.sum(), rel=1e-13)
        expected_log = weights @ model.score_samples(X)
        assert statistics.log_likelihood == pytest.approx(expected_log, rel=1e-12)


def test_seven_pieces(case: tuple[GaussianMixture, np.ndarray], rng: np.random.Generator) -> None:
    model, X = case
    weight = rng.uniform(0.0, 3.0, len(X))
    cuts = np.sort(rng.choice(np.arange(2, len(X)), 5, replace=False))
    cuts = np.r_[1, cuts]  # the first piece is one row
    for given in (None, weight):
        whole = model.e_step(X, sample_weight=given)
        weights = [None] * 7 if given is None else np.split(given, cuts)
        pieces = [
            model.e_step(rows, sample_weight=w)
            for rows, w in zip(np.split(X, cuts), weights, strict=True)
        ]
        assert len(pieces) == 7
        for order in (pieces, pieces[::-1]):
            total = sum(order)
            assert total.n_samples == len(X)
            assert_same_sums(total, whole, 1e-11)
        assert_same_sums((pieces[0] + pieces[1]) + sum(pieces[2:]), whole, 1e-11)
        updated = copy.deepcopy(model).m_step(whole).covariances_
        again = copy.deepcopy(model).m_step(total).covariances_
        np.testing.assert_allclose(again, updated, rtol=0, atol=1e-10)


def test_seven_pieces_of_float32(case: tuple[GaussianMixture, np.ndarray]) -> None:
    model, X = case
    whole = model.e_step(X.astype(np.float32))
    total = sum(model.e_step(part) for part in np.array_split(X.astype(np.float32), 7))
    assert whole.second_moment.dtype == np.float64
    assert whole.dtype == total.dtype == np.float32
    # The sums of a block are float32 before they are added up.
    assert_same_sums(total, whole, 1e-5)
    assert_same_sums(whole, model.e_step(X.astype(np.float32).astype(np.float64)), 1e-5)
    mixed = whole + model.e_step(X)
    assert mixed.dtype == np.float64


def test_moved_is_the_sum_about_another_point(
    case: tuple[GaussianMixture, np.ndarray], rng: np.random.Generator
) -> None:
    model, X = case
    statistics = model.e_step(X)
    reference = statistics.reference + rng.normal(size=statistics.reference.shape)
    moved = statistics.moved(reference)
    np.testing.assert_array_equal(moved.reference, reference)
    for name, expected in direct(model, X, np.ones(len(X)), reference).items():
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(
            getattr(moved, name), expected.astype(float), rtol=0.0, atol=1e-13 * scale
        )
    assert_same_sums(moved.moved(statistics.reference), statistics, 1e-12)
    assert_same_sums(statistics.moved(statistics.reference), statistics, 0.0)
    assert moved.n_samples == statistics.n_samples
    # The parameters do not depend on the point.
    expected_covariances = copy.deepcopy(model).m_step(statistics).covariances_
    np.testing.assert_allclose(model.m_step(moved).covariances_, expected_covariances, rtol=1e-10)


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_adding_across_references(
    offset: float, case: tuple[GaussianMixture, np.ndarray], rng: np.random.Generator
) -> None:
    model, X = case
    X = np.round(X * 2.0**20) / 2.0**20
    means = np.round(model.means_ * 2.0**20) / 2.0**20
    model = GaussianMixture.from_parameters(
        model.weights_,
        means + offset,
        model.covariances_,
        covariance_type=model.covariance_type,
    )
    one, other = model.e_step(X[:1000] + offset), model.e_step(X[1000:] + offset)
    shift = np.round(rng.normal(size=means.shape) * 2.0**10) / 2.0**10
    both = one + other.moved(other.reference + shift)
    np.testing.assert_array_equal(both.reference, one.reference)
    assert_same_sums(both, one + other, 1e-13)
    assert both.n_samples == len(X)
    assert both.log_likelihood == pytest.approx(one.log_likelihood + other.log_likelihood)


@pytest.mark.parametrize("shape", [(5,), (1, 5), (3, 5), (4, 1), (4, 4), (4, 5, 1), ()])
def test_moved_refuses_another_shape(shape: tuple[int, ...]) -> None:
    statistics = GaussianMixture.from_parameters(
        np.full(4, 0.25), np.zeros((4, 5)), np.ones((4, 5)), covariance_type="diag"
    ).e_step(np.ones((3, 5)))
    with pytest.raises(ValueError, match="reference"):
        statistics.moved(np.zeros(shape))


def test_scaled(case: tuple[GaussianMixture, np.ndarray]) -> None:
    model, X = case
    statistics = model.e_step(X)
    double = statistics.scaled(2.0)
    assert double.n_samples == statistics.n_samples
    assert double.weight == 2 * len(X)
    assert_same_sums(double, statistics + statistics, 1e-15)
    assert_same_sums(double, model.e_step(X, sample_weight=np.full(len(X), 2.0)), 1e-13)
    third = statistics.scaled(1 / 3)
    assert_same_sums(third + third + third, statistics, 1e-14)
    np.testing.assert_array_equal(third.reference, statistics.reference)
    nothing = statistics.scaled(0)
    assert nothing.weight == nothing.log_likelihood == 0.0
    assert not nothing.second_moment.any()
    with pytest.raises(ValueError, match="hold no weight"):
        model.m_step(nothing)


@pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf"), -1e-300])
def test_scaled_refuses(factor: float, case: tuple[GaussianMixture, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"scaled\(\) must be a finite number >= 0"):
        case[0].e_step(case[1]).scaled(factor)


def test_sum_begins_with_nothing(case: tuple[GaussianMixture, np.ndarray]) -> None:
    statistics = case[0].e_step(case[1])
    assert sum([]) == 0
    assert_same_sums(sum([statistics]), statistics, 0.0)
    assert_same_sums(0 + statistics, statistics, 0.0)
    assert_same_sums(statistics + 0, statistics, 0.0)
    assert_same_sums(sum([statistics], start=statistics), statistics.scaled(2.0), 1e-15)
    for other in (1, 0.5, None, "0", np.zeros(3), [statistics]):
        with pytest.raises(TypeError):
            statistics + other
        with pytest.raises(TypeError):
            other + statistics


def test_total_is_the_sum(case: tuple[GaussianMixture, np.ndarray]) -> None:
    model, X = case
    parts = [model.e_step(part) for part in np.array_split(X, 5)]
    walked = iter(parts)
    total = SufficientStatistics.total(walked)
    assert next(walked, None) is None
    assert_same_sums(total, sum(parts), 0.0)
    assert total.n_samples == len(X)
    assert SufficientStatistics.total(parts[:1]) is parts[0]


def test_total_refuses(case: tuple[GaussianMixture, np.ndarray]) -> None:
    model, X = case
    with pytest.raises(ValueError, match=r"^total\(\) was given no statistics: pass those of one"):
        SufficientStatistics.total([])
    for wrong in (0, X, None):
        with pytest.raises(TypeError, match=r"^total\(\) takes SufficientStatistics"):
            SufficientStatistics.total([model.e_step(X), wrong])
    with pytest.raises(TypeError, match="iterable"):
        SufficientStatistics.total(model.e_step(X))


@pytest.mark.parametrize("factor", [0, 2, 0.5, np.float32(0.5), np.float64(3), np.int8(3), True])
def test_a_product_is_scaled(factor: float, case: tuple[GaussianMixture, np.ndarray]) -> None:
    model, X = case
    statistics = model.e_step(X)
    for product in (statistics * factor, factor * statistics):
        assert_same_sums(product, statistics.scaled(float(factor)), 0.0)
        assert product.n_samples == len(X)


@pytest.mark.parametrize("factor", [-1, np.nan, np.inf])
def test_a_product_refuses(factor: float, case: tuple[GaussianMixture, np.ndarray]) -> None:
    statistics = case[0].e_step(case[1])
    with pytest.raises(ValueError, match="must be a finite number >= 0"):
        statistics * factor
    for wrong in ("x", None, [2.0], np.ones(2), 1j, statistics):
        with pytest.raises(TypeError):
            statistics * wrong
        with pytest.raises(TypeError):
            wrong * statistics


def test_statistics_are_equal_to_themselves_alone(case: tuple[GaussianMixture, np.ndarray]) -> None:
    statistics = case[0].e_step(case[1])
    assert statistics != statistics * 1.0
    assert len({statistics, statistics * 1.0}) == 2


def test_statistics_of_other_models_do_not_add() -> None:
    def of(k: int, d: int, kind: str) -> SufficientStatistics:
        covariances = in_shape_of(kind, np.stack([np.eye(d)] * k))
        model = GaussianMixture.from_parameters(
            np.full(k, 1 / k), np.zeros((k, d)), covariances, covariance_type=kind
        )
        return model.e_step(np.ones((3, d)))

    base = of(2, 3, "diag")
    others = [of(2, 3, kind) for kind in ("full", "spherical", "tied_diag", "tied_spherical")]
    for other in (of(3, 3, "diag"), of(2, 2, "diag"), *others):
        with pytest.raises(ValueError, match="do not add"):
            base + other
        with pytest.raises(ValueError, match="make them with this model's e_step"):
            GaussianMixture.from_parameters(
                [0.5, 0.5], np.zeros((2, 3)), np.ones((2, 3)), covariance_type="diag"
            ).m_step(other)
    model = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    for nonsense in (None, 3, np.zeros(3), b""):
        with pytest.raises(TypeError, match="m_step takes SufficientStatistics"):
            model.m_step(nonsense)
    assert model.n_iter_ == 0


def test_m_step_is_an_iteration(covariance_type: str) -> None:
    rng = np.random.default_rng(3)
    mixture = correlated_mixture(3, 4, rng)
    X, _ = mixture.sample(400, rng)
    given = {
        "covariance_type": covariance_type,
        "weights_init": mixture.weights,
        "means_init": mixture.means + 0.5,
        "precisions_init": mixture.precisions_as(covariance_type),
        "reg_covar": 0.01,
    }
    by_steps = GaussianMixture(3, max_iter=0, **given).fit(X)
    for n_iter in range(1, 4):
        fitted = GaussianMixture(3, max_iter=n_iter, tol=0.0, **given).fit(X)
        by_steps.m_step(by_steps.e_step(X))
        assert by_steps.n_iter_ == n_iter
        assert by_steps.lower_bounds_ == fitted.lower_bounds_
        for name in ("weights_", "means_", "covariances_", "precisions_"):
            np.testing.assert_array_equal(getattr(by_steps, name), getattr(fitted, name))


def test_tied_sums_are_those_of_each_component_added_up(
    twins: tuple[GaussianMixture, GaussianMixture, np.ndarray],
) -> None:
    tied, untied, X = twins
    weight = np.linspace(0.0, 2.0, len(X))
    got, expected = (model.e_step(X, sample_weight=weight) for model in (tied, untied))
    for name in ("reference", "component_weight", "first_moment", "weight", "log_likelihood"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))
    assert got.second_moment.shape == tied.covariances_.shape
    np.testing.assert_allclose(got.second_moment, expected.second_moment.sum(axis=0), rtol=1e-14)
    # One variance is that of all rows about the means of their components.
    untied.set_params(reg_covar=0.0).m_step(expected)
    tied.set_params(reg_covar=0.0).m_step(got)
    np.testing.assert_array_equal(tied.means_, untied.means_)
    np.testing.assert_allclose(
        tied.covariances_, np.tensordot(untied.weights_, untied.covariances_, 1), rtol=1e-13
    )
