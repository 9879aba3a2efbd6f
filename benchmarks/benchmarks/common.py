"""Frozen data: every recipe gives the same bytes on every machine and with every NumPy.

Only ever appended to: a recipe that changes makes all earlier timings incomparable. ``DIGESTS``
holds the SHA-256 of the first rows of each, and `check` compares them.

NumPy promises the stream of a bit generator and not those of its distributions, and a product of
float matrices depends on the BLAS. So noise is a sum of twelve 16-bit integers from the raw stream
(mean 0, variance 1, normal but for its tails), and everything is a multiple of 2^-26 of less than
2^20: all products and sums are exact in float64, in any order.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

CovarianceType = Literal["full", "tied", "diag", "spherical"]

CHUNK = 4096
"""Rows per stream, so that the first rows do not depend on how many are made."""
DIGEST_ROWS = CHUNK + 904
ROW_LIMIT: int | None = None
"""Most rows that `rows` gives; the tests set it to run everything at a tiny size."""
FEATURE_LIMIT: int | None = None
"""Most features that `sized_rows` gives, for the tests as well."""


@dataclass(frozen=True)
class Recipe:
    """A mixture to draw rows from.

    Parameters
    ----------
    covariance_type : {"full", "tied", "diag", "spherical"}
        Shape of the components, and what is fitted to them.
    n_features, n_components : int
    separation : float
        Means lie about this far from 0, so two of them some 1.4 times this apart; the rows of a
        component have a deviation near 1 in each direction.
    spread : float
        How much the covariances differ from the identity and from each other.
    seed : int
    """

    covariance_type: CovarianceType
    n_features: int
    n_components: int
    separation: float
    spread: float
    seed: int


@dataclass(frozen=True)
class Mixture:
    """The parameters of a recipe; `roots` are square roots of the covariances, (K, D, D)."""

    weights: np.ndarray
    means: np.ndarray
    roots: np.ndarray


@dataclass(frozen=True)
class Start:
    """Parameters to begin EM with, in the shapes of scikit-learn's attributes."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    precisions: np.ndarray


# Means 1 to 2 away keep nearly all responsibilities over 2^-53 (everything live), 12 away none
# but those of the own component; peers.py prints the live share of each case beside its times.
RECIPES: dict[str, Recipe] = {
    "full-16-16": Recipe("full", 16, 16, 1.5, 0.3, 101),
    "full-64-32": Recipe("full", 64, 32, 1.5, 0.2, 102),
    "full-128-16": Recipe("full", 128, 16, 1.5, 0.1, 103),
    "full-2-8": Recipe("full", 2, 8, 2.0, 0.3, 104),
    "full-8-10": Recipe("full", 8, 10, 1.5, 0.3, 105),
    "diag-32-64": Recipe("diag", 32, 64, 1.5, 0.2, 106),
    "tied-16-16": Recipe("tied", 16, 16, 1.5, 0.3, 107),
    "spherical-16-16": Recipe("spherical", 16, 16, 1.5, 0.2, 108),
    "full-64-32-separated": Recipe("full", 64, 32, 12.0, 0.2, 109),
    "full-128-16-separated": Recipe("full", 128, 16, 6.1, 0.1, 110),
    "clusters-8-10": Recipe("full", 8, 10, 6.0, 0.5, 111),
    "tied-8-10": Recipe("tied", 8, 10, 3.0, 0.3, 112),
    "diag-8-10": Recipe("diag", 8, 10, 3.0, 0.3, 113),
    "spherical-8-10": Recipe("spherical", 8, 10, 3.0, 0.3, 114),
}

DIGESTS: dict[str, str] = {
    "full-16-16": "2a3529dff93198a91b7ce7fae7c7907b185a4d0e770d056d2f646dd5dc8473ec",
    "full-64-32": "cc64fe8c93e176928325f2f018762be412fae3f97bbe3ccc7ed12b6445fcdcdb",
    "full-128-16": "a08ae68b3ad500d34f2083d0e7d49a7013f5e9a0d55a523b559e5895b33fb7db",
    "full-2-8": "24f3bcd52e7b77f7c90fa0fab0bd7dcb80c75de79e0c6d1688d597b3c0654ccd",
    "full-8-10": "855e3b259008d2fd5eed42145729c02d8def6e10675e2d2404ede18c0bafd189",
    "diag-32-64": "216fce1a4b031a8c87b0eb6f495e0d2dc6253ecc6e6fb7f4d8718875b7139f12",
    "tied-16-16": "4846f8185d48e4642975f25e6d2d174b1cc05c50c64ab44c1f7c4c4249402721",
    "spherical-16-16": "8b68f69aff23d931dab0533bb584e7425b87608a8497ae3dd9ce14851cda9360",
    "full-64-32-separated": "1c7eafad50a010880ed152a8693502bbcc630242d15f8a48d57171db33a4c052",
    "full-128-16-separated": "3980fad9dc27ef900390d76a9e5970c23237e2a4d47eda5edb3b1734fd5a2bd2",
    "clusters-8-10": "007c624a65218f97b8633f59afd6b6113622a3e031ee5e718eaf48b63d5b9ea5",
    "tied-8-10": "ebafb422b3e7b91c8bc7b4fd23ee890b2afc18a7e00cc51f0fa27116a7af88bb",
    "diag-8-10": "33688356f6f32ae60af188a6c3816b34fc0a427b2cf873cf478e8caaf65dda03",
    "spherical-8-10": "941de35e6cb3955ddfbcf928a35cb13cc7ed493835053f4a0c3382dbcff2fc9e",
}
"""SHA-256 of the first `DIGEST_ROWS` rows, little-endian float64."""


def _stream(*key: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence(key))


def _noise(stream: np.random.PCG64, n: int) -> np.ndarray:
    """N numbers of mean 0 and variance 1, multiples of 2^-16 below 6."""
    words = stream.random_raw(3 * n).astype("<u8").view("<u2").reshape(n, 12)
    return (words.sum(axis=1, dtype=np.int64) - 6 * 65535) / 65536.0


def _on_grid(numbers: np.ndarray) -> np.ndarray:
    """To multiples of 2^-10: what is multiplied with noise stays exact."""
    return np.rint(numbers * 1024.0) / 1024.0


def mixture(name: str) -> Mixture:
    """Return the mixture that the rows of a recipe come from."""
    recipe = RECIPES[name]
    k, d = recipe.n_components, recipe.n_features
    stream = _stream(recipe.seed)
    means = _on_grid(_noise(stream, k * d).reshape(k, d) * recipe.separation / np.sqrt(d))
    bend = _noise(stream, k * d * d).reshape(k, d, d) * recipe.spread
    eye = np.eye(d)
    if recipe.covariance_type in ("full", "tied"):
        roots = _on_grid(eye + bend / np.sqrt(d))
        if recipe.covariance_type == "tied":
            roots = np.repeat(roots[:1], k, axis=0)
    else:
        scales = np.maximum(1.0 + bend[:, 0], 0.25)
        if recipe.covariance_type == "spherical":
            scales = np.repeat(scales[:, :1], d, axis=1)
        roots = _on_grid(scales)[:, :, None] * eye
    weights = 2.0 + np.arange(k) % 3
    return Mixture(weights / weights.sum(), means, roots)


def rows(name: str, n_rows: int, dtype: str = "float64") -> np.ndarray:
    """Return the first rows of a recipe, (n_rows, D); at most `ROW_LIMIT`."""
    return _draw(name, n_rows if ROW_LIMIT is None else min(n_rows, ROW_LIMIT), dtype)


def _draw(name: str, n_rows: int, dtype: str) -> np.ndarray:
    recipe, parameters = RECIPES[name], mixture(name)
    ends = np.cumsum(2 + np.arange(recipe.n_components) % 3)
    out = np.empty((n_rows, recipe.n_features), dtype)
    for begin in range(0, n_rows, CHUNK):
        stream = _stream(recipe.seed, begin // CHUNK)
        labels = np.searchsorted(
            ends, stream.random_raw(CHUNK) % ends[-1].astype(np.uint64), "right"
        )
        noise = _noise(stream, CHUNK * recipe.n_features).reshape(CHUNK, recipe.n_features)
        chunk = np.empty_like(noise)
        for k in range(recipe.n_components):
            own = labels == k
            chunk[own] = noise[own] @ parameters.roots[k].T + parameters.means[k]
        part = out[begin : begin + CHUNK]
        part[...] = chunk[: len(part)]
    return out


def start(name: str, dtype: str = "float64") -> Start:
    """Return parameters near those of the recipe: the live share hardly changes from there on."""
    recipe, parameters = RECIPES[name], mixture(name)
    k, d = parameters.means.shape
    means = parameters.means + 0.1 * _noise(_stream(recipe.seed, 1, 2), k * d).reshape(
        k, d
    ) / np.sqrt(d)
    covariances = parameters.roots @ np.swapaxes(parameters.roots, 1, 2)
    if recipe.covariance_type == "tied":
        covariances = covariances[0]
    elif recipe.covariance_type in ("diag", "spherical"):
        covariances = np.diagonal(covariances, axis1=1, axis2=2).copy()
        if recipe.covariance_type == "spherical":
            covariances = covariances[:, 0].copy()
    if recipe.covariance_type in ("full", "tied"):
        precisions = np.linalg.inv(covariances)
        precisions = (precisions + np.swapaxes(precisions, -1, -2)) / 2.0
    else:
        precisions = 1.0 / covariances
    parts = (np.full(k, 1.0 / k), means, covariances, precisions)
    return Start(*(np.ascontiguousarray(part, dtype=dtype) for part in parts))


def digest(name: str) -> str:
    """Return the SHA-256 of the first `DIGEST_ROWS` rows."""
    return hashlib.sha256(_draw(name, DIGEST_ROWS, "<f8").tobytes()).hexdigest()


def check(name: str) -> None:
    """Raise RuntimeError when the bytes of a recipe are not the frozen ones."""
    found = digest(name)
    if found != DIGESTS[name]:
        raise RuntimeError(
            f"the rows of {name!r} have the SHA-256 {found} and not {DIGESTS[name]}: "
            "a frozen recipe was changed; restore it and append a new one"
        )


# ------------------------------------------------------------------ rows of any size

SIZED_DIGEST = "0c62703424bcbb47f16e6985444438a112025591a5820e681ee3bc2aa607116d"
"""What `sized_digest` has to be."""


def _sized_centers(d: int, k: int, separation: float, seed: int) -> np.ndarray:
    return _on_grid(_noise(_stream(seed, d, k), k * d).reshape(k, d) * separation / np.sqrt(d))


def sized_rows(n: int, d: int, k: int, separation: float = 1.5, seed: int = 201) -> np.ndarray:
    """Return n rows of D features in K clusters of equal weight and covariance, (n, D).

    Each feature is correlated with the next one.  Means lie `separation` from 0, as in the recipes.
    The work is n times D, so that this serves a thousand features and components as well.
    There are at most `ROW_LIMIT` rows, or two for each component, of `FEATURE_LIMIT` features.
    """
    n = n if ROW_LIMIT is None else min(n, max(ROW_LIMIT, 2 * k))
    d = d if FEATURE_LIMIT is None else min(d, FEATURE_LIMIT)
    centers = _sized_centers(d, k, separation, seed)
    out = np.empty((n, d))
    for begin in range(0, n, CHUNK):
        stream = _stream(seed, d, k, 0, begin // CHUNK)
        labels = (stream.random_raw(CHUNK) % np.uint64(k)).astype(np.intp)
        noise = _noise(stream, CHUNK * d).reshape(CHUNK, d)
        part = out[begin : begin + CHUNK]
        chunk = (noise + np.roll(noise, 1, axis=1) / 2.0 + centers[labels])[: len(part)]
        part[...] = chunk
    return out


def sized_start(d: int, k: int, separation: float = 1.5, seed: int = 201) -> Start:
    """Return a start near the mixture of `sized_rows`, with full covariances."""
    d = d if FEATURE_LIMIT is None else min(d, FEATURE_LIMIT)
    centers = _sized_centers(d, k, separation, seed)
    means = centers + _noise(_stream(seed, d, k, 1, 2), k * d).reshape(k, d) / (8.0 * np.sqrt(d))
    root = np.eye(d) + np.roll(np.eye(d), 1, axis=1) / 2.0
    covariance = root @ root.T
    precision = np.linalg.inv(covariance)
    precision = (precision + precision.T) / 2.0
    shape = (k, d, d)
    return Start(
        np.full(k, 1.0 / k),
        means,
        np.broadcast_to(covariance, shape),
        np.broadcast_to(precision, shape),
    )


def sized_digest() -> str:
    """Return the SHA-256 of some rows of `sized_rows` and of what is exact of their start."""
    parts = sized_rows(DIGEST_ROWS, 5, 7), *(getattr(sized_start(5, 7), name) for name in _EXACT)
    exact = b"".join(np.ascontiguousarray(part, "<f8").tobytes() for part in parts)
    return hashlib.sha256(exact).hexdigest()


_EXACT = ("means", "covariances")
"""The parts of a start of `sized_start` that are the same bytes on every machine."""
