"""Sufficient statistics: what an E-step leaves of its rows, and all that an M-step needs.

They are sums, so those of two batches add up to those of the whole, in any order and on any
machine.
"""

from collections.abc import Iterable
from dataclasses import replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fastgmm.archive import checks
from fastgmm.covariance.agreement import is_symmetric
from fastgmm.covariance.matrix import MATRIX
from fastgmm.covariance.model import CovarianceModel
from fastgmm.covariance.types import is_covariance_type, model_of
from fastgmm.errors import FileFormatError
from fastgmm.lazy import lazy
from fastgmm.limits.scalars import as_numbers, is_iterable, is_word, shown
from fastgmm.mixture.plain_sums import as_factor, as_reference, as_ridge, plain_sums
from fastgmm.typing import FloatArray, ModelName
from fastgmm.values import dataclass

EPS = float(np.finfo(np.float64).eps)
"""The spacing of float64 numbers at one: the measure of rounding."""
TINY = float(np.finfo(np.float64).tiny)
"""The smallest normal float64, for weights that are divided by."""
CANCELLATION = 1e-7
"""Two more passes are worth it where rounding moves a variance by more than this share of itself
and `reg_covar`."""
SHARE_TOLERANCE = 1e-3
"""The component weights of rows may be more than the weight of these rows by this share: float32
responsibilities, and the least weights of a stream, round up."""
_ARRAYS = ("reference", "component_weight", "first_moment", "second_moment")
"""The fields of these names hold read-only float64 arrays."""
_FLOAT64 = np.dtype(np.float64)
"""The rows are taken to be of this dtype where none is given."""


@dataclass(frozen=True, eq=False)
class SufficientStatistics:
    """Weighted sums over rows x with responsibilities r, about one reference point m per component.

    The reference is where the means were when the sums were made: second moments about it lose
    nothing to an offset of the data, while those about zero do (at offset 1e6 a variance of 1 comes
    out wrong by 1e-2).

    ``a + b`` are the statistics of the rows of both, `total` those of many; ``a - b`` takes rows
    out of a sum again, to unlearn them, and is a ValueError where they are not in it;
    ``0.5 * a`` lets its rows count for half, to forget them.  Statistics about different references
    are moved to that of the first before.

    Parameters
    ----------
    covariance_type : str
    reference : ndarray of shape (K, D)
        The reference points, m.
    component_weight : ndarray of shape (K,)
        The sums of r.
    first_moment : ndarray of shape (K, D)
        The sums of r (x - m).
    second_moment : ndarray
        The sums of r (x - m)(x - m)^T: (K, D, D) for full; the diagonals, (K, D), for diag; the
        traces, (K,), for spherical; added over the components for the tied types: (D, D), (D,) or
        ().
    n_samples : int
        The number of rows.
    weight : float
        The sum of the rows' sample weights.
    log_likelihood : float
        The sum over the rows of sample weight times log density, in nats.
    dtype : numpy.dtype
        The dtype of the rows: float32 or float64.  The sums are float64 in both cases.

    Examples
    --------
    >>> import fastgmm
    >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    >>> one, other = model.e_step([[1.0], [2.0]]), model.e_step([[6.0]])
    >>> both = one + other
    >>> both.n_samples, both.first_moment
    (3, array([[9.]]))
    >>> model.m_step(both).means_
    array([[3.]])
    """

    covariance_type: ModelName
    reference: FloatArray
    component_weight: FloatArray
    first_moment: FloatArray
    second_moment: FloatArray
    n_samples: int
    weight: float
    log_likelihood: float
    dtype: np.dtype = _FLOAT64

    __array_ufunc__: ClassVar[None] = None
    """With it NumPy's numbers leave ``number * statistics`` to the statistics."""

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = as_numbers(getattr(self, name), name)
            if array.flags.writeable:
                array = array.view()
                array.flags.writeable = False
            object.__setattr__(self, name, array)

        floats = type(self.weight) is type(self.log_likelihood) is float
        plain = floats and type(self.n_samples) is int and isinstance(self.dtype, np.dtype)
        if not plain or self.first_moment.shape != self.reference.shape:
            self.__dict__.update(plain_sums(self.__dict__))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # pickles forget that arrays are read-only
        try:
            self.check()
        except ValueError as error:
            raise FileFormatError(f"the pickle does not hold statistics: {error}") from None

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("covariance_model", None)
        return state

    def check(self) -> None:
        """Raise ValueError where these cannot be the sums of any rows."""
        if not is_covariance_type(self.covariance_type):
            raise ValueError(f"there is no covariance type {shown(self.covariance_type)}")
        if self.dtype not in checks.FLOATS:
            raise ValueError(f"rows are float32 or float64, got {self.dtype}")
        k, d = checks.check_sizes("reference", self.reference, 2)
        model = self.covariance_model
        one = model.sums.shape(d)
        checks.check_array("reference", self.reference, (k, d))
        checks.check_array("component_weight", self.component_weight, (k,), 0.0)
        checks.check_array("first_moment", self.first_moment, (k, d))
        # The kernels read the means in the dtype of the rows.
        with np.errstate(over="ignore"):
            if not np.abs(self.means).max() <= np.finfo(self.dtype).max:
                raise ValueError(f"the means must be numbers of {self.dtype}")
        checks.check_array("second_moment", self.second_moment, one if model.tied else (k, *one))
        if model.sums is MATRIX and not is_symmetric(self.second_moment):
            raise ValueError("second moments must be symmetric matrices")
        checks.check_count("n_samples", self.n_samples)
        checks.check_number("weight", self.weight, 0.0)
        checks.check_log_density("log_likelihood", self.log_likelihood)
        held = float(self.component_weight.sum())
        if not held <= (1.0 + SHARE_TOLERANCE) * self.weight:
            raise ValueError(f"components of the weight {held:g} have rows of {self.weight:g}")

    def __add__(self, other: object) -> "SufficientStatistics":
        if isinstance(other, int) and other == 0:  # `sum` begins with it
            return self
        if not isinstance(other, SufficientStatistics):
            return NotImplemented
        other = self._alike(other, "add")
        return replace(
            self,
            component_weight=self.component_weight + other.component_weight,
            first_moment=self.first_moment + other.first_moment,
            second_moment=self.second_moment + other.second_moment,
            n_samples=self.n_samples + other.n_samples,
            weight=self.weight + other.weight,
            log_likelihood=self.log_likelihood + other.log_likelihood,
            dtype=np.promote_types(self.dtype, other.dtype),
        )

    def __radd__(self, other: int) -> "SufficientStatistics":
        return self + other

    def __sub__(self, other: "SufficientStatistics") -> "SufficientStatistics":
        if not isinstance(other, SufficientStatistics):
            return NotImplemented
        # Few programs unlearn: this is loaded with the first difference.
        from fastgmm.mixture.unlearning import difference

        return replace(self, **difference(self, self._alike(other, "subtract")))

    def __mul__(self, factor: float) -> "SufficientStatistics":
        if not isinstance(factor, Real):
            return NotImplemented
        return self.scaled(factor)

    __rmul__ = __mul__

    def _alike(self, other: "SufficientStatistics", verb: str) -> "SufficientStatistics":
        """The other statistics about this reference, if they are of such a mixture."""
        if (
            not is_word(other.covariance_type, (self.covariance_type,))
            or other.reference.shape != self.reference.shape
        ):
            raise ValueError(
                f"statistics of {_describe(self)} and of {_describe(other)} do not {verb}: "
                "make both with the same model"
            )
        if np.array_equal(other.reference, self.reference):
            return other
        return other.moved(self.reference)

    @classmethod
    def total(cls, statistics: "Iterable[SufficientStatistics]") -> "SufficientStatistics":
        """The sum of statistics, of batches for example; `sum` gives the same bits.

        Unlike `sum`, whose result may be the number 0 to a type checker, this is always statistics.

        Parameters
        ----------
        statistics : iterable of SufficientStatistics
            Walked over once, with one of them in memory beside the sum.

        Returns
        -------
        SufficientStatistics

        Raises
        ------
        ValueError
            When there are none, or they are not all of the same kind of mixture.
        TypeError
            When one is something else.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> batches = [[[1.0], [2.0]], [[6.0]]]
        >>> total = fastgmm.SufficientStatistics.total(model.e_step(batch) for batch in batches)
        >>> total.n_samples, total.first_moment
        (3, array([[9.]]))
        """
        if not is_iterable(statistics):
            raise TypeError(f"total() takes an iterable of statistics, got {shown(statistics)}")
        total: SufficientStatistics | None = None
        for one in statistics:
            if not isinstance(one, SufficientStatistics):
                raise TypeError(
                    f"total() takes SufficientStatistics (from e_step), got {type(one).__name__}"
                )
            total = one if total is None else total + one
        if total is None:
            raise ValueError("total() was given no statistics: pass those of one batch at least")
        return total

    def scaled(self, factor: float) -> "SufficientStatistics":
        """All sums times a factor >= 0, as if every sample weight had been multiplied by it.

        `n_samples` stays.  ``statistics * factor`` is the same.
        """
        factor = as_factor(factor)
        return replace(
            self,
            component_weight=self.component_weight * factor,
            first_moment=self.first_moment * factor,
            second_moment=self.second_moment * factor,
            weight=self.weight * factor,
            log_likelihood=self.log_likelihood * factor,
        )

    def moved(self, reference: FloatArray) -> "SufficientStatistics":
        """The same sums about other reference points (K, D).

        Only the difference of the two references enters, so that a common offset cancels before
        anything is squared.
        """
        reference = as_numbers(reference, "reference").copy()
        first, second = self.about(reference)
        return replace(self, reference=reference, first_moment=first, second_moment=second)

    def about(self, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The first and second moments about other reference points (K, D)."""
        shift = self.reference - as_reference(reference, self.reference.shape)
        weight = self.component_weight[:, None]
        first = self.first_moment + weight * shift
        shifted = self.covariance_model.shifted
        return first, shifted(self.second_moment, self.first_moment, shift, first)

    @lazy
    def covariance_model(self) -> CovarianceModel:
        """The covariance model of the covariance type."""
        return model_of(self.covariance_type)

    @property
    def means(self) -> FloatArray:
        """(K, D): means of the rows, sum r x / sum r; the reference of a component without rows."""
        means = self.reference + self._step()
        means.flags.writeable = False
        return means

    def _step(self) -> FloatArray:
        held = np.maximum(self.component_weight, TINY)
        return self.first_moment / held[:, None]

    def cancels(self, reg_covar: float | FloatArray) -> bool:
        """Whether the new means are so far from the reference that it shows in the variances.

        What the step to the new means takes off a second moment leaves an error of eps times
        itself.  That matters where the reference is far from the rows.
        """
        weight = np.maximum(self.component_weight, TINY)
        model, step, divisor = self.covariance_model, self._step(), weight[:, None]
        taken_off = model.sums.mean_squares(step)
        second = model.sums.variances(self.second_moment, step.shape[1])
        if model.tied:
            divisor = weight.sum()
            taken_off = weight @ taken_off / divisor
        second = second / divisor
        variances = np.maximum(second - taken_off, 0.0)
        ridge = as_ridge(reg_covar, variances.shape)
        return bool((EPS * taken_off > CANCELLATION * (variances + ridge)).any())

    def to_bytes(self) -> bytes:
        """The statistics as versioned, checked bytes, for another process or machine.

        Sums that are not finite, as those of rows beyond the range of numbers, are a ValueError.
        """
        self.check()
        # What files need is loaded with the first of them.
        from fastgmm.archive import codec, container

        return container.pack("statistics", *codec.describe(self))

    @classmethod
    def from_bytes(cls, content: bytes) -> "SufficientStatistics":
        """The statistics of which `to_bytes` made these bytes.

        Raises
        ------
        FileFormatError
            When the bytes are not those of statistics, or have changed.
        """
        if not isinstance(content, bytes | bytearray | memoryview):
            raise TypeError(
                f"from_bytes takes the bytes of to_bytes(), got {type(content).__name__}"
            )
        # What files need is loaded with the first of them.
        from fastgmm.archive import codec, container

        source = "what from_bytes() was given"
        facts, arrays = container.unpack(bytes(content), "statistics", source)
        try:
            return codec.restore(cls, facts | {name: name for name in arrays}, arrays)
        except container.UNREADABLE as error:
            raise FileFormatError(
                f"the statistics given to from_bytes() cannot be read ({error}): make them again"
            ) from None

    def __repr__(self) -> str:
        return (
            f"SufficientStatistics({_describe(self)}, n_samples={self.n_samples}, "
            f"weight={self.weight:g}, log_likelihood={self.log_likelihood:g})"
        )


def reordered(statistics: SufficientStatistics, order: NDArray[np.intp]) -> SufficientStatistics:
    """The same statistics with the components in this order."""
    second = statistics.second_moment
    return replace(
        statistics,
        reference=statistics.reference[order],
        component_weight=statistics.component_weight[order],
        first_moment=statistics.first_moment[order],
        second_moment=second if statistics.covariance_model.tied else second[order],
    )


def _describe(statistics: SufficientStatistics) -> str:
    (k, d), kind = statistics.reference.shape, statistics.covariance_type
    return f"{k} {kind if is_covariance_type(kind) else shown(kind)} components in {d} features"


def check(
    statistics: Any, covariance_type: str, shape: tuple[int, int], method: str = "m_step"
) -> None:
    """Raise TypeError or ValueError where statistics do not fit a model.

    `shape` is (K, D) of the model.
    """
    if not isinstance(statistics, SufficientStatistics):
        raise TypeError(
            f"{method} takes SufficientStatistics (from e_step or fit), "
            f"got {type(statistics).__name__}"
        )
    if statistics.covariance_type != covariance_type or statistics.reference.shape != shape:
        raise ValueError(
            f"the statistics are of {_describe(statistics)}, and the model has {shape[0]} "
            f"{covariance_type} components in {shape[1]} features: "
            "make them with this model's e_step"
        )
    try:
        statistics.check()
    except ValueError as error:
        raise ValueError(
            f"the statistics are not those of any rows ({error}): make them with e_step"
        ) from None
