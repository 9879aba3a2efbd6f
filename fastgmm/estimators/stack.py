"""The states of many fitted models of one kind, stacked: arrays, and objects for what is rare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np

from fastgmm.covariance.types import model_of
from fastgmm.em.collapse import Repair
from fastgmm.em.regularization import Regularization
from fastgmm.em.run import Run
from fastgmm.em.trail import Moments, Trail
from fastgmm.estimators.state import Report, State
from fastgmm.fits.fit import Fit
from fastgmm.fits.reached import Initialization
from fastgmm.fits.small import SmallFit
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import CovarianceType, FloatArray
from fastgmm.validation.gaps import Pairs
from fastgmm.values import dataclass

FLOAT32 = np.dtype(np.float32)
"""The dtype of the rows of some of the fits."""
FLOAT64 = np.dtype(np.float64)
"""The dtype of the rows of the others."""


class Fitted(NamedTuple):
    """A fit of one of many data sets, and the weight of its rows."""

    fit: Fit
    weight: float


Found = Fitted | SmallFit | Exception
"""What has become of the fit of one data set."""


class Extra(NamedTuple):
    """What few fits have: repairs, several starts, a ridge of their own, no trail, pairs apart."""

    repairs: tuple[Repair, ...] = ()
    initializations: tuple[Initialization, ...] | None = None
    regularization: Regularization | None = None
    has_trail: bool = True
    apart: Pairs = ()


ORDINARY = Extra()
"""Most fits are like this."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """What all fits have, in arrays whose first axis is the fits."""

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    factors: FloatArray
    inverse_factors: FloatArray
    single: np.ndarray
    """Whether the rows are float32."""
    n_free: np.ndarray
    """The free parameters, where some are frozen; else -1."""
    converged: np.ndarray
    stopped: np.ndarray
    n_iter: np.ndarray
    n_passes: np.ndarray
    lower_bound: FloatArray
    gap: FloatArray
    n_rows: FloatArray
    """What all rows weigh, in rows."""
    weight: FloatArray
    n_samples: np.ndarray
    row_mean: FloatArray
    row_variances: FloatArray


@dataclass(frozen=True, eq=False)
class Stack:
    """Many fits of one kind; those that have failed have NaN and zeros in all arrays.

    Parameters
    ----------
    numbers : Numbers
    lower_bounds : ndarray
        The lower bounds of all iterations, one fit after the other.
    ends : ndarray of int
        Where those of each fit end.
    regularization : Regularization
        That of the fits that have no other.
    extras : dict of int to Extra
        What is rare, by the index of the fit.
    failures : dict of int to Exception
        Why fits have failed, by their index.
    """

    numbers: Numbers
    lower_bounds: FloatArray
    ends: np.ndarray
    regularization: Regularization
    extras: dict[int, Extra]
    failures: dict[int, Exception]

    def __len__(self) -> int:
        return len(self.ends)

    @classmethod
    def of(cls, found: Sequence[Found]) -> Stack | dict[int, Exception]:
        """The stack of these fits; where none has ended well, why each has not."""
        failures = {i: one for i, one in enumerate(found) if isinstance(one, Exception)}
        small = {i: one for i, one in enumerate(found) if isinstance(one, SmallFit)}
        whole = {i: one for i, one in enumerate(found) if isinstance(one, Fitted)}
        if small:
            common = next(iter(small.values())).runs.regularization
        elif whole:
            common = next(iter(whole.values())).fit.run.regularization
        else:
            return failures
        common = Regularization(common.reg_covar)
        extras = {i: _extra(one.fit, common) for i, one in whole.items()}
        parts = []
        if small:
            parts.append((list(small), _numbers_of_small(list(small.values()))))
        if whole:
            parts.append((list(whole), _numbers(list(whole.values()))))
        numbers = parts[0][1]
        if len(parts) > 1 or failures:
            numbers = _spread(parts, len(found))
        bounds = [_bounds(one) for one in found]
        ends = np.cumsum([len(one) for one in bounds])
        extras = {i: extra for i, extra in extras.items() if extra is not ORDINARY}
        return cls(numbers, np.concatenate(bounds), ends, common, extras, failures)

    @classmethod
    def joined(cls, parts: Iterable[Stack | dict[int, Exception]]) -> Stack | dict[int, Exception]:
        """One stack of several, in their order; the failures alone where there is no fit."""
        known = list(parts)
        begins = np.cumsum([0, *map(len, known)]).tolist()
        failures = {
            begin + i: error
            for begin, part in zip(begins, known, strict=False)
            for i, error in (part if isinstance(part, dict) else part.failures).items()
        }
        stacks = [
            (b, part) for b, part in zip(begins, known, strict=False) if not isinstance(part, dict)
        ]
        if not stacks:
            return failures
        common, extras = stacks[0][1].regularization, {}
        for begin, part in stacks:
            same = _same_ridge(part.regularization, common)
            for i in range(len(part)) if not same else part.extras:
                if i in part.failures:
                    continue
                extra = part.extras.get(i, ORDINARY)
                if not same and extra.regularization is None:
                    extra = extra._replace(regularization=part.regularization)
                extras[begin + i] = extra
        counts = np.zeros(begins[-1], dtype=np.int64)
        for begin, part in stacks:
            counts[begin : begin + len(part)] = np.diff(part.ends, prepend=0)
        return cls(
            _joined_numbers(stacks, begins[-1]),
            np.concatenate([part.lower_bounds for _, part in stacks]),
            np.cumsum(counts),
            common,
            extras,
            failures,
        )

    def regularization_of(self, i: int) -> Regularization:
        """The regularisation of one fit."""
        own = self.extras.get(i, ORDINARY).regularization
        return self.regularization if own is None else own

    def repairs_of(self, i: int) -> tuple[Repair, ...]:
        """What collapsed in one fit."""
        return self.extras.get(i, ORDINARY).repairs

    def apart(self, i: int) -> Pairs:
        """The pairs of columns of which no row of one data set has both values."""
        return self.extras.get(i, ORDINARY).apart

    def has_trail(self, i: int) -> bool:
        """Whether the moments of the rows of one fit are known."""
        return self.extras.get(i, ORDINARY).has_trail

    def mixture(self, i: int, covariance_type: CovarianceType) -> Mixture:
        """The mixture of one fit."""
        numbers = self.numbers
        return Mixture(
            covariance_type,
            numbers.weights[i],
            numbers.means[i],
            numbers.covariances[i],
            numbers.factors[i],
            numbers.inverse_factors[i],
            FLOAT32 if numbers.single[i] else FLOAT64,
            int(numbers.n_free[i]) if numbers.n_free[i] >= 0 else None,
        )

    def state(self, i: int, covariance_type: CovarianceType, names: np.ndarray | None) -> State:
        """All that a model of one fit knows."""
        numbers, extra = self.numbers, self.extras.get(i, ORDINARY)
        begin = int(self.ends[i - 1]) if i else 0
        bounds = self.lower_bounds[begin : self.ends[i]].tolist()
        lower_bound = float(numbers.lower_bound[i])
        reached, only = extra.initializations, (Initialization(0, lower_bound, chosen=True),)
        report = Report(
            converged=bool(numbers.converged[i]),
            n_iter=int(numbers.n_iter[i]),
            n_passes=int(numbers.n_passes[i]),
            lower_bound=lower_bound,
            lower_bounds=tuple(bounds),
            gap=float(numbers.gap[i]),
            repairs=extra.repairs,
            initializations=only if reached is None else reached,
        )
        regularization, trail = self.regularization_of(i), None
        if extra.has_trail:
            moments = Moments(
                int(numbers.n_samples[i]),
                float(numbers.weight[i]),
                numbers.row_mean[i],
                numbers.row_variances[i],
            )
            trail = Trail((), moments, regularization).after(bounds)
        mixture = self.mixture(i, covariance_type)
        return State(mixture, regularization, report, names, float(numbers.weight[i]), trail=trail)


def _extra(fit: Fit, common: Regularization) -> Extra:
    """What one fit has that most have not."""
    run, reached = fit.run, fit.initializations
    same, has_trail = _same_ridge(run.regularization, common), run.trail is not None
    only = len(reached) == 1 and reached[0] == Initialization(0, run.lower_bound, chosen=True)
    if same and only and has_trail and not run.repairs and not fit.apart:
        return ORDINARY
    own = None if same else run.regularization
    return Extra(run.repairs, None if only else reached, own, has_trail, fit.apart)


def _same_ridge(one: Regularization, other: Regularization) -> bool:
    ours, theirs = one.reg_covar, other.reg_covar
    return one.prior is None and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()


def _numbers(found: list[Fitted]) -> Numbers:
    """The numbers of fits that have ended well."""
    runs = [one.fit.run for one in found]
    mixtures = [_mixture(run) for run in runs]
    d = mixtures[0].n_features
    isotropic = model_of(mixtures[0].covariance_type).form.isotropic
    nothing = Moments(0, 0.0, np.zeros(d), np.zeros(1 if isotropic else d))
    moments = [nothing if run.trail is None else run.trail.moments for run in runs]
    return Numbers(
        weights=np.array([one.weights for one in mixtures]),
        means=np.array([one.means for one in mixtures]),
        covariances=np.array([one.covariances for one in mixtures]),
        factors=np.array([one.factors for one in mixtures]),
        inverse_factors=np.array([one.inverse_factors for one in mixtures]),
        single=np.array([one.dtype == FLOAT32 for one in mixtures]),
        n_free=np.array([-1 if one.n_free is None else one.n_free for one in mixtures]),
        converged=np.array([run.converged for run in runs]),
        stopped=np.array([run.stopped for run in runs]),
        n_iter=np.array([run.n_iter for run in runs]),
        n_passes=np.array([run.n_passes for run in runs]),
        lower_bound=np.array([run.lower_bound for run in runs]),
        gap=np.array([run.gap for run in runs]),
        n_rows=np.array([one.fit.n_rows for one in found]),
        weight=np.array([one.weight for one in found]),
        n_samples=np.array([one.n_samples for one in moments]),
        row_mean=np.array([one.mean for one in moments]),
        row_variances=np.array([one.variances for one in moments]),
    )


def _numbers_of_small(found: list[SmallFit]) -> Numbers:
    """The numbers of fits that the kernel has done."""
    runs, places = found[0].runs, [one.place for one in found]
    m = len(places)
    _, n_iter, n_passes, converged, lower_bound, gap, _ = runs.ends[places].T
    weights, means, covariances, factors, inverse_factors = (one[places] for one in runs.mixtures)
    row_mean, row_variances = (one[places] for one in runs.moments)
    extents = [one.extent for one in found]
    return Numbers(
        weights=weights,
        means=means,
        covariances=covariances,
        factors=factors,
        inverse_factors=inverse_factors,
        single=np.zeros(m, dtype=bool),
        n_free=np.full(m, -1),
        converged=converged > 0.0,
        stopped=np.zeros(m, dtype=bool),
        n_iter=n_iter.astype(np.int64),
        n_passes=n_passes.astype(np.int64),
        lower_bound=lower_bound,
        gap=gap,
        n_rows=np.array([one.in_rows for one in extents]),
        weight=np.array([one.weight for one in extents]),
        n_samples=np.array([one.n_samples for one in extents]),
        row_mean=row_mean,
        row_variances=row_variances,
    )


def _bounds(found: Found) -> FloatArray | list[float]:
    """The lower bounds of all iterations of a fit."""
    if isinstance(found, Exception):
        return []
    if isinstance(found, SmallFit):
        return found.runs.lower_bounds(found.place)
    return found.fit.run.lower_bounds


def _mixture(run: Run) -> Mixture:
    assert run.mixture is not None
    return run.mixture


def _empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """What stands for fits that have failed."""
    return np.full(shape, np.nan if dtype.kind == "f" else 0, dtype)


def _spread(parts: list[tuple[list[int], Numbers]], n: int) -> Numbers:
    """The numbers of n fits, of which each part has those of some places."""
    spread: dict[str, Any] = {}
    for name, first in vars(parts[0][1]).items():
        spread[name] = _empty((n, *first.shape[1:]), first.dtype)
        for places, numbers in parts:
            spread[name][places] = getattr(numbers, name)
    return Numbers(**spread)


def _joined_numbers(stacks: list[tuple[int, Stack]], n: int) -> Numbers:
    """The numbers of n fits, of which each stack has some, from a place on."""
    joined: dict[str, Any] = {}
    for one in fields(Numbers):
        first = getattr(stacks[0][1].numbers, one.name)
        array = joined[one.name] = _empty((n, *first.shape[1:]), first.dtype)
        for begin, part in stacks:
            array[begin : begin + len(part)] = getattr(part.numbers, one.name)
    return Numbers(**joined)
