"""Distinct rows and their weights against `np.unique`."""

import math
from typing import Any

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture, compress
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")


def in_order(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct rows in the order in which they come first, group of each, counts."""
    distinct, first, group, counts = np.unique(
        rows, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return distinct[order], rank[group.reshape(-1)], counts[order]


SHAPES = [(1, 1), (1, 5), (2, 1), (400, 1), (500, 2), (300, 7), (64, 40)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.uint8, np.int64])
@pytest.mark.parametrize(("n_samples", "n_features"), SHAPES)
def test_rows_and_counts_are_those_of_unique(
    n_samples: int, n_features: int, dtype: type, rng: np.random.Generator
) -> None:
    base = rng.integers(0, 200, (max(n_samples // 3, 1), n_features))
    X = base[rng.integers(len(base), size=n_samples)].astype(dtype)
    if np.dtype(dtype).kind == "f":
        X = X / dtype(7)
    kept = X.copy()
    rows, weight = compress(X)
    distinct, _, counts = in_order(X)
    np.testing.assert_array_equal(rows, distinct)
    np.testing.assert_array_equal(weight, counts)
    assert rows.dtype == (np.float32 if dtype is np.float32 else np.float64)
    assert weight.dtype == np.float64
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(X, kept)
    assert not np.shares_memory(rows, X)


def test_integer_weights_sum_exactly(rng: np.random.Generator) -> None:
    """Up to 2^53, above which float64 has no odd numbers."""
    X = rng.integers(0, 3, (300, 3))
    weights = rng.integers(0, 2**44, 300)
    rows, weight = compress(X, weights)
    distinct, group, _ = in_order(X)
    expected = [0] * len(distinct)
    for k, one in zip(group.tolist(), weights.tolist(), strict=True):
        expected[k] += one
    np.testing.assert_array_equal(rows, distinct)
    assert weight.tolist() == expected


def test_other_weights_sum_to_rounding(rng: np.random.Generator) -> None:
    X = rng.integers(0, 3, (500, 2))
    weights = rng.exponential(size=500) * 10.0 ** rng.integers(-6, 6, 500)
    _, weight = compress(X, weights)
    _, group, _ = in_order(X)
    expected = [math.fsum(weights[group == k]) for k in range(len(weight))]
    np.testing.assert_allclose(weight, expected, rtol=1e-13)


def test_one_weight_for_all(rng: np.random.Generator) -> None:
    X = rng.integers(0, 4, (90, 2))
    rows, weight = compress(X, 2.5)
    distinct, _, counts = in_order(X)
    np.testing.assert_array_equal(rows, distinct)
    np.testing.assert_array_equal(weight, 2.5 * counts)


def test_rows_without_weight_stay() -> None:
    """With weight zero: no row is lost, and none is left out of the count of the others."""
    rows, weight = compress([[1.0], [2.0], [1.0], [3.0]], [0.0, 0.0, 4.0, 1.0])
    assert rows.tolist() == [[1.0], [2.0], [3.0]]
    assert weight.tolist() == [4.0, 0.0, 1.0]
    rows, weight = compress([[1.0], [2.0], [1.0]], [0.0, 0.0, 0.0])
    assert (rows.tolist(), weight.tolist()) == ([[1.0], [2.0]], [0.0, 0.0])


def test_zero_has_no_sign() -> None:
    for dtype in (np.float64, np.float32):
        X = np.array([[-0.0, 1.0], [0.0, 1.0], [0.0, -1.0], [-0.0, -1.0], [-0.0, -0.0]], dtype)
        rows, weight = compress(X)
        assert rows.tolist() == [[0.0, 1.0], [0.0, -1.0], [0.0, 0.0]]
        assert weight.tolist() == [2.0, 2.0, 1.0]
        assert not np.signbit(rows[rows == 0.0]).any()
        assert np.signbit(X[0, 0])


def test_neighbouring_numbers_are_not_the_same() -> None:
    """One unit in the last place apart, subnormal, or at the ends of the range."""
    for dtype in (np.float64, np.float32):
        info = np.finfo(dtype)
        values = [1.0, info.smallest_subnormal, info.tiny, info.max, -info.max, 0.0, -1.0]
        numbers = np.array(values, dtype)
        X = np.concatenate([numbers, np.nextafter(numbers, dtype(0.5))])[:, None]
        rows, weight = compress(np.tile(X, (3, 1)))
        np.testing.assert_array_equal(rows, in_order(X)[0])
        assert weight.min() >= 3.0
        assert weight.sum() == 3.0 * len(X)


def test_rows_that_permute_their_numbers_are_not_the_same() -> None:
    """Nor those whose numbers add up to the same."""
    X = np.array([[1, 2, 3], [3, 2, 1], [2, 1, 3], [1, 3, 2], [2, 2, 2], [6, 0, 0], [0, 0, 6]])
    rows, weight = compress(np.concatenate([X, X[::-1]]))
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(weight, 2.0)


def test_no_row_repeats_and_all_rows_repeat(rng: np.random.Generator) -> None:
    X = rng.normal(size=(1000, 3))
    rows, weight = compress(X)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(weight, 1.0)
    rows, weight = compress(np.tile(X[:1], (1000, 1)))
    np.testing.assert_array_equal(rows, X[:1])
    np.testing.assert_array_equal(weight, [1000.0])


@pytest.mark.parametrize("n_bits", [0, 1, 3])
def test_a_hash_that_says_little_changes_nothing(
    n_bits: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Different rows of one hash, which no data set of a test's size would have by chance."""
    X = rng.integers(-2, 3, (400, 3)) / 3.0
    weights = rng.integers(1, 5, 400)
    expected = compress(X, weights)
    hashes = fastgmm.validation.compression._hashes
    mask = np.uint64(2**n_bits - 1)
    monkeypatch.setattr(fastgmm.validation.compression, "_hashes", lambda rows: hashes(rows) & mask)
    for got, wanted in zip(compress(X, weights), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_layout(dtype: type, rng: np.random.Generator) -> None:
    X = rng.integers(0, 3, (240, 4)).astype(dtype)
    wide = np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)
    read_only = X.copy()
    read_only.flags.writeable = False
    expected = compress(X)
    for other in (
        np.asfortranarray(X),
        wide[::2, ::3],
        X[::-1][::-1],
        np.ascontiguousarray(X.T).T,
        X.astype(X.dtype.newbyteorder()),
        read_only,
    ):
        np.testing.assert_array_equal(other, X)
        for got, wanted in zip(compress(other), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
            assert got.dtype == wanted.dtype


def test_lists_and_frames_are_rows_too() -> None:
    pd = pytest.importorskip("pandas")
    X = [[1, 2], [3, 4], [1, 2]]
    for other in (X, np.array(X, dtype=object), pd.DataFrame(X, columns=["a", "b"])):
        rows, weight = compress(other)
        assert rows.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert weight.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("X", "sample_weight", "error", "text"),
    [
        ([[1.0, np.nan]], None, ValueError, r"NaN\. The first is X\[0, 1\]"),
        ([[np.inf]], None, ValueError, "inf"),
        (np.zeros((2, 2, 2)), None, ValueError, "dim 3|3D|3-D"),
        (np.zeros(4), None, ValueError, "2D"),
        (np.zeros((0, 3)), None, ValueError, "0 sample"),
        (np.zeros((3, 0)), None, ValueError, "0 feature"),
        (np.zeros((2, 1), dtype=complex), None, ValueError, "[Cc]omplex"),
        (np.zeros((3, 1)), [1.0, 2.0], ValueError, "sample_weight"),
        (np.zeros((3, 1)), [[1.0], [2.0], [3.0]], ValueError, "1D"),
        (np.zeros((3, 1)), [1.0, -1.0, 3.0], ValueError, "Negative values"),
        (np.zeros((3, 1)), [1.0, np.nan, 3.0], ValueError, "NaN"),
        (np.zeros((3, 1)), np.inf, ValueError, "inf"),
        (np.zeros((3, 1)), ["a", "b", "c"], (ValueError, TypeError), "sample_weight|convert"),
    ],
)
def test_what_is_not_rows_or_weights(X: Any, sample_weight: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        compress(X, sample_weight)


# ---------------------------------------------------------------- fits


@pytest.fixture
def repeated(rng: np.random.Generator) -> tuple[np.ndarray, Any]:
    """Return 3000 rows, rounded so that many repeat, and the mixture that they come from."""
    mixture = correlated_mixture(3, 2, rng, separation=4.0)
    return np.round(2.0 * mixture.sample(3000, rng)[0]) / 2.0, mixture


def assert_same_fit(one: GaussianMixture, other: GaussianMixture, rtol: float = 1e-7) -> None:
    assert one.lower_bound_ == pytest.approx(other.lower_bound_, abs=1e-9)
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("acceleration", [None, "lbfgs"])
def test_a_fit_to_them_is_the_fit_to_all_rows(
    acceleration: Any, covariance_type: str, repeated: tuple[np.ndarray, Any]
) -> None:
    rows, mixture = repeated
    distinct, weight = compress(rows)
    assert len(distinct) < len(rows) / 2
    model = GaussianMixture(
        3,
        covariance_type=covariance_type,
        weights_init=mixture.weights,
        means_init=mixture.means + 0.3,
        precisions_init=mixture.precisions_as(covariance_type),
        gap_tol="auto" if acceleration is None else 1e-10,
        max_iter=1000,
        acceleration=acceleration,
    )
    of_all = GaussianMixture(**model.get_params()).fit(rows)
    # a distance of 1e-10 nats is one of 1e-5 in the parameters
    rtol = 1e-7 if acceleration is None else 1e-4
    assert_same_fit(model.fit(distinct, sample_weight=weight), of_all, rtol)
    if acceleration is None:
        assert model.n_iter_ == of_all.n_iter_


def test_so_it_is_from_the_start_of_the_library(
    covariance_type: str, rng: np.random.Generator
) -> None:
    """Of clusters that no tie can tear apart."""
    rows = np.round(2.0 * rng.normal(size=(900, 2))) / 2.0
    rows += 30.0 * np.eye(3, 2)[rng.integers(3, size=900)]
    distinct, weight = compress(rows)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    of_all = GaussianMixture(**model.get_params()).fit(rows)
    assert_same_fit(model.fit(distinct, sample_weight=weight), of_all)


def test_weights_of_weights(rng: np.random.Generator) -> None:
    """Compressed in two parts and then together: the same as at once."""
    X = rng.integers(0, 4, (500, 2))
    parts = [compress(part) for part in (X[:200], X[200:])]
    rows, weight = compress(
        np.concatenate([one for one, _ in parts]), np.concatenate([w for _, w in parts])
    )
    expected_rows, expected_weight = compress(X)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(weight, expected_weight)
