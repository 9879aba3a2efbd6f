"""The public functions with any argument: an error of the right type, or what the rules promise.

What was passed is as it was, an array of another layout has the same result bit for bit, and a
model that was fitted is a mixture.
"""

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from arguments import Given, LiarError, given
from good_files import rows_of
from limits import Broken, quickly
from model_outcomes import check_mixture

import fastgmm
from fastgmm import GaussianMixture, SufficientStatistics
from fastgmm.sources import batches

ERRORS = (ValueError, TypeError)
"""What is wrong with an argument is said by one of these or of their kinds."""
D = 3
"""The models have so many features."""
MODELS: dict[str, dict[str, Any]] = {
    "full": {},
    "single": {},
    "diag": {"covariance_type": "diag"},
    "tied": {"covariance_type": "tied", "missing": "em"},
    "spherical": {"covariance_type": "spherical", "noise": "uniform"},
    "VEV": {"covariance_type": "VEV"},
    "factors": {"covariance_type": "low_rank", "n_factors": 1},
    "gaps": {"missing": "em"},
}


def _estimator(name: str, **more: Any) -> GaussianMixture:
    few = {"n_components": 2, "max_iter": 4, "tol": 0.0, "random_state": 0, "n_threads": 1}
    return GaussianMixture(**(few | MODELS[name] | more))


@cache
def fitted(name: str) -> GaussianMixture:
    """A fitted model, which no one changes."""
    return _estimator(name).fit(rows_of(D, single=name == "single"))


@cache
def _stream(name: str) -> bytes:
    rows = rows_of(D, single=name == "single")
    return pickle.dumps(_estimator(name).partial_fit(np.tile(rows, (8, 1))))


@cache
def _classifier() -> Any:
    labels = np.arange(len(rows_of(D))) % 2
    model = fastgmm.GaussianMixtureClassifier(n_components=1, random_state=0)
    return model.fit(rows_of(D), labels)


class Target(NamedTuple):
    """A call with one argument that may be anything, and the shapes that it may have."""

    call: Callable[[str, Any], Any]
    shape: Callable[[int], tuple[int, ...]]
    good: bool = True
    """Whether an array of another layout must have the same result."""
    near: Callable[[str], Any] | None = None
    """Half of the arguments are what this gives for a model, or differ from it in few numbers."""


def _rows(n: int) -> tuple[int, ...]:
    return n, D


def _line(n: int) -> tuple[int, ...]:
    return (n,)


def _some(n: int = 24) -> np.ndarray:
    return rows_of(D)[:n]


def _labels(n_kinds: int, least: int = 0) -> Callable[[str], Any]:
    return lambda model: np.arange(24) % n_kinds + least


def _of_fit(name: str) -> Callable[[str], Any]:
    return lambda model: getattr(fitted(model), name)


def _of_sums(name: str) -> Callable[[str], Any]:
    return lambda model: getattr(fitted(model).e_step(_some()), name)


def _weights(model: str) -> Any:
    return np.linspace(0.0, 2.0, 24)


def _out(method: str) -> Callable[[str, Any], Any]:
    def call(name: str, out: Any) -> Any:
        got = getattr(fitted(name), method)(_some(6), out=out)
        if out is not None and got is not out:
            raise Broken("out was taken and not written to")
        return got

    return call


def _aliased(name: str, X: Any) -> Any:
    """The rows, or a part of them, are where the scores shall go."""
    if not isinstance(X, np.ndarray) or X.ndim != 2 or not X.size:
        raise TypeError("there is no array to alias")
    out = X.reshape(-1)[: len(X)] if X.flags.c_contiguous else X[:, 0]
    return fitted(name).score_samples(X, out=out)


def _plain_rows(X: Any) -> np.ndarray:
    return fastgmm.compress(X)[0]


def _poisoned(name: str, X: Any) -> Any:
    """A callback writes into the rows of the fit that calls it; nothing is promised of the fit."""
    rows = np.array(_plain_rows(X))

    def poison(one: Any) -> None:
        rows[...] = (np.nan, np.inf, 1e300, 0.0)[one.n_iter % 4]

    try:
        _estimator(name).fit(rows, callback=poison)
    except (ValueError, TypeError, ArithmeticError):
        return None
    return None


def _statistics(name: str, value: Any, field: str) -> Any:
    model = fitted(name)
    of = model.e_step(_some())
    made = replace(of, **{field: value})
    copy = pickle.loads(pickle.dumps(model)).m_step(made)
    SufficientStatistics.from_bytes(made.to_bytes())
    return copy


def _parameters(name: str, value: Any, field: str) -> Any:
    model = fitted(name)
    parts = {one: getattr(model, f"{one}_") for one in ("weights", "means", "covariances")}
    kind = "full" if name == "factors" else model.covariance_type
    return GaussianMixture.from_parameters(**(parts | {field: value}), covariance_type=kind)


def _start(name: str, value: Any, field: str) -> Any:
    return _estimator(name, **{field: value}).fit(_some())


TARGETS: dict[str, Target] = {
    "score_samples": Target(lambda m, X: fitted(m).score_samples(X), _rows),
    "score_one": Target(lambda m, X: fitted(m).score_one(X), lambda n: (D,)),
    "predict": Target(lambda m, X: fitted(m).predict(X), _rows),
    "predict_proba": Target(lambda m, X: fitted(m).predict_proba(X), _rows),
    "component_log_density": Target(lambda m, X: fitted(m).component_log_density(X), _rows),
    "noise_proba": Target(lambda m, X: fitted(m).noise_proba(X), _rows),
    "mahalanobis": Target(lambda m, X: fitted(m).mahalanobis(X), _rows),
    "score": Target(lambda m, X: fitted(m).score(X), _rows),
    "score, weights": Target(
        lambda m, w: fitted(m).score(_some(), sample_weight=w), lambda n: (24,), near=_weights
    ),
    "bic": Target(lambda m, X: fitted(m).bic(X), _rows),
    "icl": Target(lambda m, X: fitted(m).icl(X), _rows),
    "e_step": Target(lambda m, X: fitted(m).e_step(X), _rows),
    "e_step, weights": Target(
        lambda m, w: fitted(m).e_step(_some(), sample_weight=w), lambda n: (24,), near=_weights
    ),
    "e_step, labels": Target(
        lambda m, y: fitted(m).e_step(_some(), labels=y), lambda n: (24,), False, _labels(3, -1)
    ),
    "out": Target(_out("score_samples"), lambda n: (6,), good=False),
    "out, shares": Target(_out("predict_proba"), lambda n: (6, 2), good=False),
    "aliased": Target(_aliased, _rows, good=False),
    "impute": Target(lambda m, X: fitted(m).impute(X), _rows),
    "regress": Target(lambda m, X: fitted(m).regress(X, [0]), lambda n: (n, D - 1)),
    "conditional": Target(lambda m, v: fitted(m).conditional([0, 1], v), lambda n: (2,)),
    "marginal": Target(
        lambda m, c: fitted(m).marginal(c), lambda n: (2,), False, lambda m: np.array([2, 0])
    ),
    "reorder": Target(
        lambda m, order: pickle.loads(pickle.dumps(fitted(m))).reorder(order),
        lambda n: (2,),
        False,
        lambda m: np.array([1, 0]),
    ),
    "fisher_vectors": Target(lambda m, X: fitted(m).fisher_vectors(X), _rows),
    "fisher_vectors, groups": Target(
        lambda m, g: fitted(m).fisher_vectors(_some(), g), lambda n: (24,), False, _labels(2)
    ),
    "adapt": Target(lambda m, X: fitted(m).adapt(X), _rows),
    "fit": Target(lambda m, X: _estimator(m).fit(X), _rows),
    "fit, weights": Target(
        lambda m, w: _estimator(m).fit(_some(), sample_weight=w), lambda n: (24,), near=_weights
    ),
    "fit, labels": Target(
        lambda m, y: _estimator(m).fit(_some(), labels=y), lambda n: (24,), False, _labels(3, -1)
    ),
    "fit, poisoned": Target(_poisoned, _rows, good=False),
    "fit_batches": Target(lambda m, X: _estimator(m).fit_batches([X, X]), _rows),
    "partial_fit": Target(lambda m, X: _estimator(m).partial_fit(X), _rows),
    "partial_fit, on": Target(lambda m, X: pickle.loads(_stream(m)).partial_fit(X), _rows),
    "is_novel": Target(lambda m, X: pickle.loads(_stream("full")).is_novel(X), _rows),
    "posterior": Target(
        lambda m, X: fastgmm.BayesianGaussianMixture(
            n_components=2, max_iter=3, random_state=0, n_threads=1
        ).fit(X),
        _rows,
    ),
    "posterior, mean": Target(
        lambda m, v: fastgmm.BayesianGaussianMixture(mean_prior=v, max_iter=2).fit(_some()),
        lambda n: (D,),
    ),
    "posterior, covariance": Target(
        lambda m, v: fastgmm.BayesianGaussianMixture(covariance_prior=v, max_iter=2).fit(_some()),
        lambda n: (D, D),
    ),
    "classifier": Target(
        lambda m, y: fastgmm.GaussianMixtureClassifier(random_state=0).fit(_some(), y),
        lambda n: (24,),
        False,
        _labels(2),
    ),
    "classifier, predict": Target(lambda m, X: _classifier().predict_proba(X), _rows),
    "regressor": Target(
        lambda m, y: fastgmm.GaussianMixtureRegressor(random_state=0).fit(_some(), y),
        lambda n: (24,),
        good=False,
    ),
    "fit_many": Target(
        lambda m, X: fastgmm.fit_many([X, _some()], 2, random_state=0, max_iter=3), _rows
    ),
    "fit_many, labels": Target(
        lambda m, y: fastgmm.fit_many(_some(), labels=y, random_state=0, max_iter=3),
        lambda n: (24,),
        False,
        _labels(3),
    ),
    "select": Target(
        lambda m, X: fastgmm.select(X, [1, 2], random_state=0, n_threads=1, max_iter=3).best, _rows
    ),
    "compress": Target(lambda m, X: fastgmm.compress(X), _rows),
    "batches": Target(lambda m, X: np.concatenate(list(batches(X))), _rows),
    "start, weights": Target(
        lambda m, v: _start(m, v, "weights_init"), lambda n: (2,), near=_of_fit("weights_")
    ),
    "start, means": Target(
        lambda m, v: _start(m, v, "means_init"), lambda n: (2, D), near=_of_fit("means_")
    ),
    "start, precisions": Target(
        lambda m, v: _start(m, v, "precisions_init"),
        lambda n: (2, D, D),
        near=lambda m: fitted("full" if m == "factors" else m).precisions_,
    ),
    "weights": Target(
        lambda m, v: _parameters(m, v, "weights"), lambda n: (2,), near=_of_fit("weights_")
    ),
    "means": Target(
        lambda m, v: _parameters(m, v, "means"), lambda n: (2, D), near=_of_fit("means_")
    ),
    "covariances": Target(
        lambda m, v: _parameters(m, v, "covariances"),
        lambda n: (2, D, D),
        near=_of_fit("covariances_"),
    ),
    **{
        f"statistics, {field}": Target(
            lambda m, v, field=field: _statistics(m, v, field),
            lambda n, shape=shape: shape,
            False,
            _of_sums(field),
        )
        for field, shape in {
            "reference": (2, D),
            "component_weight": (2,),
            "first_moment": (2, D),
            "second_moment": (2, D, D),
        }.items()
    },
}


def made(case: int) -> tuple[str, str, Given]:
    """The names of a target and a model, and the argument, of this number."""
    rng = np.random.default_rng([15, case])
    names = list(TARGETS)
    name = names[case % len(names)]
    model = list(MODELS)[int(rng.integers(len(MODELS)))]
    n = int((0, 1, 2, 3, 8, 24, 40)[int(rng.integers(7))])
    target = TARGETS[name]
    near = None if target.near is None or rng.random() < 0.5 else target.near(model)
    argument = given(rng, target.shape(n) if near is None else near.shape, near)
    if name == "batches" and argument.kind == "lists":
        argument = argument._replace(plain=None)  # lists of tables are batches
    if name == "start, precisions" or name == "covariances" or name == "posterior, covariance":
        argument = _positive(rng, argument)
    return name, model, argument


def _positive(rng: np.random.Generator, argument: Given) -> Given:
    """Squares of the matrices, half of the times, which are positive definite."""
    value = argument.value
    if type(value) is not np.ndarray or value.dtype.kind != "f" or rng.random() < 0.5:
        return argument
    if value.ndim < 2 or value.shape[-1] != value.shape[-2]:
        return argument
    with np.errstate(all="ignore"):
        return Given(argument.kind, value @ np.swapaxes(value, -1, -2), None)


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """What has come of a call, as comparable bytes where it has a result."""
    try:
        with np.errstate(all="ignore"):
            found = _bytes(call())
    except ERRORS as error:
        if len(str(error)) < 10:
            raise Broken(f"an error without a sentence: {error!r}") from error
        return "refused", type(error)
    except (LiarError, MemoryError) as error:
        return "refused", type(error)
    except FileNotFoundError as error:
        if "rows.csv" not in str(error):  # `batches` takes text for a path
            raise
        return "refused", type(error)
    return "valid", found


def _bytes(result: Any) -> Any:
    """The numbers of a result, as bytes; a fitted model is looked at from outside first."""
    if hasattr(result, "weights_") and hasattr(result, "means_"):
        if isinstance(result, fastgmm.FittedGroups | fastgmm.Candidate):
            return None
        if getattr(result, "is_fitted", True):
            check_mixture(result)
            parts = (result.weights_, result.means_, result.covariances_)
            return tuple(np.asarray(part).tobytes() for part in parts)
        return None
    if isinstance(result, SufficientStatistics):
        return result.to_bytes() if np.isfinite(result.second_moment).all() else None
    if isinstance(result, tuple):
        return tuple(_bytes(one) for one in result)
    if isinstance(result, np.ndarray | float):
        return np.asarray(result).tobytes()
    return None


def tried(case: int) -> tuple[str, str]:
    """What has come of the call of this number."""
    name, model, (kind, value, plain) = made(case)
    target = TARGETS[name]
    before = value.tobytes() if _is_held(value) else None
    with quickly():
        got = outcome(lambda: target.call(model, value))
        if before is not None and name not in _WRITTEN and value.tobytes() != before:
            raise Broken(f"{name} has changed its argument, {kind}")
        real = target.good or name.startswith("statistics")
        if real and kind == "complex" and got[0] == "valid" and np.size(value):
            raise Broken(f"{name} of {model} has taken complex numbers")
        if target.good and plain is not None:
            expected = outcome(lambda: target.call(model, plain))
            if got != expected and "valid" in (got[0], expected[0]):
                raise Broken(
                    f"{name} of {model}: {kind} is {got[0]}, {str(got[1])[:40]}, and the plain "
                    f"array {expected[0]}, {str(expected[1])[:40]}"
                )
    return name, got[0]


_WRITTEN = ("out", "out, shares", "aliased")
"""These targets write into what they are given."""


def _is_held(value: Any) -> bool:
    return type(value) is np.ndarray and value.dtype != object and value.nbytes < 1 << 20
