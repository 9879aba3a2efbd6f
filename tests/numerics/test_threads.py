"""Any number of threads gives the same bytes, and an error in one of them comes back."""

import threading
from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm import threads as parallel

pytestmark = pytest.mark.filterwarnings("ignore::fastgmm.errors.ConvergenceWarning")

THREADS = (1, 2, 3, 8)
N_COMPONENTS, N_FEATURES = 8, 40
# Several blocks, the last of them short.
N_SAMPLES = 3 * parallel.rows_per_block(N_COMPONENTS, N_FEATURES) + 777


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    labels = rng.integers(N_COMPONENTS, size=N_SAMPLES)
    X: np.ndarray = rng.normal(size=(N_SAMPLES, N_FEATURES))
    for k in range(N_COMPONENTS):
        X[labels == k] @= rng.normal(size=(N_FEATURES, N_FEATURES)) / N_FEATURES**0.5
        X[labels == k] += rng.normal(size=N_FEATURES)
    return X


def fitted_bytes(model: GaussianMixture) -> dict[str, bytes]:
    names = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
    content = {name: getattr(model, name).tobytes() for name in names}
    content["lower_bounds_"] = np.array(model.lower_bounds_).tobytes()
    return content


def score_bytes(model: GaussianMixture, X: np.ndarray) -> dict[str, bytes]:
    methods = ("score_samples", "predict_proba", "component_log_density", "predict")
    content = {name: getattr(model, name)(X).tobytes() for name in methods}
    for name in ("score", "aic", "bic", "icl"):
        content[name] = np.float64(getattr(model, name)(X)).tobytes()
    content["e_step"] = model.e_step(X).to_bytes()
    content["weighted"] = model.e_step(X, sample_weight=np.linspace(0, 2, len(X))).to_bytes()
    content["out"] = model.score_samples(X, out=np.empty(len(X), X.dtype)).tobytes()
    return content


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True])
def test_same_bytes_from_fit_and_scores(
    weighted: bool, dtype: type[np.floating], covariance_type: str, rows: np.ndarray
) -> None:
    X = rows.astype(dtype)
    weight = np.random.default_rng(1).uniform(0.0, 2.0, len(X)) if weighted else None
    expected: dict[str, bytes] | None = None
    for n_threads in THREADS:
        model = GaussianMixture(
            N_COMPONENTS,
            covariance_type=covariance_type,
            init_params="random_from_data",
            random_state=0,
            max_iter=3,
            tol=0.0,
            n_threads=n_threads,
        ).fit(X, sample_weight=weight)
        got = fitted_bytes(model) | score_bytes(model, X)
        expected = expected or got
        for name, content in expected.items():
            assert got[name] == content, f"{name} with {n_threads} threads"


@pytest.mark.parametrize(
    "init_params", ["ward", "kmeans", "k-means++", "random", "random_from_data"]
)
def test_same_bytes_from_every_start(
    init_params: str, covariance_type: str, rows: np.ndarray
) -> None:
    expected: dict[str, bytes] | None = None
    for n_threads in (1, 2, 8, None):
        model = GaussianMixture(
            N_COMPONENTS,
            covariance_type=covariance_type,
            init_params=init_params,
            random_state=0,
            max_iter=1,
            n_threads=n_threads,
        ).fit(rows)
        got = fitted_bytes(model)
        expected = expected or got
        assert got == expected, f"{init_params} with {n_threads} threads"


def test_several_fits_at_once(rows: np.ndarray) -> None:
    """Threads of the user's own, each with a model: they share the pool and nothing else."""
    parts = [rows[:, 4 * i : 4 * i + 4].copy() for i in range(4)]
    parts = [np.tile(part, (4, 1)) for part in parts]

    def fit(part: np.ndarray) -> bytes:
        model = GaussianMixture(3, random_state=0, max_iter=3, tol=0.0, n_threads=2).fit(part)
        return b"".join(fitted_bytes(model).values()) + model.score_samples(part).tobytes()

    expected = [fit(part) for part in parts]
    got: list[bytes] = [b""] * len(parts)

    def work(i: int) -> None:
        got[i] = fit(parts[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_one_model_scored_by_many_threads(rows: np.ndarray) -> None:
    model = GaussianMixture(
        N_COMPONENTS, init_params="random_from_data", random_state=0, max_iter=1, n_threads=2
    ).fit(rows)
    expected = score_bytes(model, rows)
    got: list[dict[str, bytes]] = []
    threads = [
        threading.Thread(target=lambda: got.append(score_bytes(model, rows))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 4


@pytest.mark.parametrize("n_threads", THREADS)
def test_error_in_a_callback_comes_back(n_threads: int, rows: np.ndarray) -> None:
    class OwnError(Exception):
        pass

    def callback(iteration: Any) -> None:
        if iteration.n_iter == 2:
            raise OwnError(iteration.n_iter)

    model = GaussianMixture(
        N_COMPONENTS, init_params="random_from_data", random_state=0, tol=0.0, n_threads=n_threads
    )
    with pytest.raises(OwnError, match="2"):
        model.fit(rows, callback=callback)
    assert not hasattr(model, "means_")
    # and the threads are fit for work afterwards
    model.set_params(max_iter=1).fit(rows)
    kept = fitted_bytes(model)
    with pytest.raises(OwnError):
        model.set_params(max_iter=5).fit(rows, callback=callback)
    assert fitted_bytes(model) == kept


def test_callback_may_use_the_threads(rows: np.ndarray) -> None:
    """It runs between two passes, in the caller's thread: a model may be scored inside it."""
    held_out = GaussianMixture.from_parameters(
        [1.0], np.zeros((1, N_FEATURES)), np.ones((1, N_FEATURES)), covariance_type="diag"
    )
    seen: list[float] = []
    names: list[str] = []

    def callback(iteration: Any) -> None:
        seen.append(held_out.score(rows))
        names.append(threading.current_thread().name)

    GaussianMixture(
        N_COMPONENTS, init_params="random_from_data", random_state=0, max_iter=2, n_threads=2
    ).fit(rows, callback=callback)
    assert len(seen) == 2
    assert set(names) == {threading.current_thread().name}


def test_a_few_rows_need_no_thread(rows: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    model = GaussianMixture(
        N_COMPONENTS, init_params="random_from_data", random_state=0, max_iter=1
    ).fit(rows)
    expected = score_bytes(model, rows[:50])

    def refuse(*args: object) -> None:
        raise AssertionError("helpers for fifty rows")

    monkeypatch.setattr(parallel.blocks, "call_helpers", refuse)
    assert score_bytes(model, rows[:50]) == expected
