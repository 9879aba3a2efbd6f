"""The estimator as an object: what its pickles name, its copies, and a stream beside an M-step."""

import copy
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import fastgmm
from fastgmm import GaussianMixture, NormalInverseWishart
from fastgmm.errors import NotFittedError
from fastgmm.fits.learned import blend
from support import correlated_mixture

pytestmark = pytest.mark.filterwarnings("ignore:Best performing")


def rows_of(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return correlated_mixture(2, 2, rng).sample(n, rng)[0]


def unfitted(**params: Any) -> GaussianMixture:
    return GaussianMixture(2, random_state=0, prior=NormalInverseWishart(), **params)


MODELS: dict[str, Callable[[], GaussianMixture]] = {
    "unfitted": unfitted,
    "fitted": lambda: unfitted(reg_covar="auto", n_init=3).fit(rows_of(300)),
    "batches": lambda: unfitted().fit_batches([rows_of(300)]),
    "repaired": lambda: GaussianMixture(2, means_init=[[0.0, 0.0], [1e6, 1e6]], random_state=0).fit(
        rows_of(300)
    ),
    "parameters": lambda: GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]]),
    "gathering": lambda: unfitted().partial_fit(rows_of(100)),
    "streaming": lambda: unfitted(half_life=300.0).partial_fit(rows_of(1234)),
}
PICKLED: dict[str, Callable[[], Any]] = {
    **MODELS,
    "snapshot": lambda: MODELS["streaming"]().snapshot(),
    "statistics": lambda: MODELS["fitted"]().e_step(rows_of(50)),
    "selection": lambda: fastgmm.select(rows_of(200), [1, 2], "diag", random_state=0),
    "stream": lambda: MODELS["streaming"]().stream_,
    "repair": lambda: MODELS["repaired"]().repairs_[0],
    "initialization": lambda: MODELS["fitted"]().initializations_[0],
}


def modules_in(content: bytes) -> set[str]:
    """Return the modules whose names a pickle looks up when it is loaded."""
    found, strings = set(), []
    for code, argument, _ in pickletools.genops(content):
        if code.name == "GLOBAL":
            found.add(argument.split(" ")[0])
        elif code.name == "STACK_GLOBAL":
            found.add(strings[-2])
        elif isinstance(argument, str):
            strings.append(argument)
        elif code.name in ("MEMOIZE", "BINGET", "LONG_BINGET"):
            continue
    return found


@pytest.mark.filterwarnings("ignore:Components collapsed")
@pytest.mark.parametrize("name", PICKLED)
def test_pickles_name_public_modules_only(name: str) -> None:
    """Whatever moves inside the package, pickles of today can be loaded."""
    value = PICKLED[name]()
    for protocol in (0, 2):  # later ones name modules by memo; these spell out every name
        modules = modules_in(pickle.dumps(value, protocol))
        of_ours = {module for module in modules if module.split(".")[0] == "fastgmm"}
        assert of_ours == {"fastgmm"}
        others = {module.split(".")[0] for module in modules - of_ours}
        assert others <= {"numpy", "builtins", "__builtin__", "copy_reg", "_codecs"}


def test_the_check_of_pickles_sees_a_private_name() -> None:
    private = MODELS["fitted"]()._state
    assert "fastgmm.estimators.state" in modules_in(pickle.dumps(private, 2))
    assert "fastgmm.estimators.state" in modules_in(pickle.dumps(private, 4))


@pytest.mark.filterwarnings("ignore:Components collapsed")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, *(lambda m, p=p: pickle.loads(pickle.dumps(m, p)) for p in (0, 2, 4, 5))],
)
def test_copies_say_the_same(name: str, copied: Callable[[Any], Any]) -> None:
    model = MODELS[name]()
    back = copied(model)
    assert repr(back) == repr(model)
    assert back.is_fitted == model.is_fitted
    if name == "unfitted":
        with pytest.raises(NotFittedError):
            _ = back.means_
        return
    for each in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        assert getattr(back, each).tobytes() == getattr(model, each).tobytes()
    for each in ("lower_bounds_", "n_iter_", "n_passes_", "gap_", "repairs_", "initializations_"):
        assert getattr(back, each) == getattr(model, each)
    if name in ("gathering", "streaming"):
        assert back.n_samples_seen_ == model.n_samples_seen_


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:Components collapsed")
def test_a_clone_is_not_fitted(name: str) -> None:
    model = MODELS[name]()
    fresh = clone(model)
    assert not fresh.is_fitted
    assert repr(fresh) == repr(model)
    if name != "parameters":
        one, other = fresh.fit(rows_of(300)), clone(model).fit(rows_of(300))
        assert one.means_.tobytes() == other.means_.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [120, 1234])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copied_stream_goes_on_to_the_same_bytes(
    copied: Callable[[Any], Any], n: int, dtype: Any, covariance_type: str
) -> None:
    rows = rows_of(3000).astype(dtype)
    model = unfitted(covariance_type=covariance_type).partial_fit(rows[:n])
    back = copied(model)
    back.partial_fit(rows[n:])
    if n == 1234:  # the two have nothing in common
        assert model.n_samples_seen_ == n
    for begin in range(n, 3000, 300):
        model.partial_fit(rows[begin : begin + 300])
    for each in ("weights_", "means_", "covariances_"):
        assert getattr(back, each).tobytes() == getattr(model, each).tobytes()
    assert back.stream_.mean == model.stream_.mean
    assert back.novelty_threshold(0.3) == model.novelty_threshold(0.3)


def test_a_stream_goes_on_from_the_statistics_of_an_m_step(covariance_type: str) -> None:
    """Not from those that the mixture implies: the statistics are the state of a stream."""
    rows = rows_of(2000)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0)
    model.partial_fit(rows[:1000])
    given = model.e_step(rows[1000:] + 3.0)
    model.m_step(given)
    learner = model._state.learner
    waiting, seen = learner.waiting.n, learner.seen
    mixture = model._state.mixture
    assert learner.learned.mixture is mixture
    kept = learner.learned.statistics
    for name in ("component_weight", "first_moment", "second_moment"):
        np.testing.assert_allclose(getattr(kept, name) * 1000, getattr(given, name), rtol=1e-14)
    n = learner.pace.batch_rows(seen) - waiting
    batch = np.concatenate([learner.waiting.held()[0].copy(), rows[:n]])
    model.partial_fit(rows[:n])
    of_batch = GaussianMixture.from_parameters(
        mixture.weights, mixture.means, mixture.covariances, covariance_type=covariance_type
    ).e_step(batch)
    expected = blend(kept, of_batch, learner.pace.share(len(batch), seen))
    got = model._state.learner.learned.statistics
    for name in ("component_weight", "first_moment", "second_moment"):
        one, other = getattr(got, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_an_m_step_counts_as_an_iteration() -> None:
    rows = rows_of(300)
    model = GaussianMixture(2, random_state=0).fit(rows)
    before = model.n_iter_, model.n_passes_, model.lower_bounds_
    score = model.score(rows)
    model.m_step(model.e_step(rows))
    assert (model.n_iter_, model.n_passes_) == (before[0] + 1, before[1] + 1)
    assert model.lower_bounds_ == [*before[2], model.lower_bound_]
    assert model.lower_bound_ == pytest.approx(score, rel=1e-12)
    assert model.score(rows) >= score - 1e-9
