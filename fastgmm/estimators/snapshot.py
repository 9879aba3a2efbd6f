"""The mixture of one moment as an immutable scorer, and what a stream looked like."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastgmm import kernels
from fastgmm.errors import FileFormatError
from fastgmm.estimators.measures import Measures
from fastgmm.limits.scalars import shown
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import MISSING, FloatArray, Missing
from fastgmm.values import dataclass


@dataclass(frozen=True)
class Stream:
    """What a stream looked like to the model, each row before it was learned from.

    Parameters
    ----------
    n_samples : int
        Rows seen, those that still wait for their batch included.
    weight : float
        Weight of the rows learned from.
    mean, deviation : float
        Of the log density per row, in nats, over the last 8192 rows that were learned from.
    seen : ndarray of shape (n,)
        The trace of the last 256 batches: weight learned from before each.
    log_density : ndarray of shape (n,)
        Mean log density of each, in nats.
    n_skipped : int
        Rows that were set aside: seen and not learned from, since each of them alone would have
        outweighed all others.
    fitted : float
        Weight of the rows of the fit that the stream goes on from, 0 where there was none.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgmm
    >>> rows = np.random.default_rng(0).normal(size=(1000, 1))
    >>> stream = fastgmm.GaussianMixture(random_state=0).partial_fit(rows).stream_
    >>> stream.n_samples, round(stream.mean, 1)
    (1000, -1.4)
    """

    n_samples: int
    weight: float
    mean: float
    deviation: float
    seen: FloatArray
    log_density: FloatArray
    n_skipped: int = 0
    fitted: float = 0.0


class Snapshot(Measures):
    """The mixture of one moment as an immutable scorer; made by `GaussianMixture.snapshot`.

    Any number of threads may score with it while another thread learns.

    Examples
    --------
    >>> import fastgmm
    >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
    >>> before = model.snapshot()
    >>> model = model.partial_fit([[8.0]] * 500)
    >>> before.means_, before.predict([[3.0]])
    (array([[0.]]), array([0]))
    """

    random_state = None

    def __init__(
        self,
        mixture: Mixture,
        names: np.ndarray | None,
        n_threads: int | None,
        missing: Missing = "error",
    ) -> None:
        own = self.__dict__
        own["_moment"], own["n_threads"], own["missing"] = (mixture, names), n_threads, missing

    def _fitted(self) -> tuple[Mixture, np.ndarray | None]:
        """The mixture and the names of its features: a snapshot has no state that could change."""
        moment: tuple[Mixture, np.ndarray | None] = self.__dict__["_moment"]
        return moment

    @property
    def _names(self) -> np.ndarray | None:
        return self._fitted()[1]

    @property
    def is_fitted(self) -> bool:
        """True: a snapshot is made of a mixture."""
        return True

    def scorer(self, dtype: DTypeLike = np.float64) -> Any:
        """Functions for C and Cython that score rows without the GIL.

        Parameters
        ----------
        dtype : float64 or float32, default=float64
            Of the rows and of the results.

        Returns
        -------
        object
            Its `capsule` holds the address of a `fastgmm_scorer` of ``fastgmm.h``, which Cython
            gets by ``fastgmm.scorer_of(scorer)``.  Each thread takes one of its own.

        Examples
        --------
        >>> import fastgmm
        >>> model = fastgmm.GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]])
        >>> type(model.snapshot().scorer().capsule).__name__
        'PyCapsule'
        """
        try:
            made = kernels.scorers[np.dtype(dtype)]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"dtype must be float64 or float32, got {shown(dtype)}.") from None
        mixture, _ = self._fitted()
        return made(mixture.packed(np.dtype(dtype)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a snapshot does not change: {name!r} cannot be set")

    def __repr__(self) -> str:
        mixture, _ = self._fitted()
        k, d = mixture.means.shape
        return f"<Snapshot of {k} {mixture.covariance_type} components in {d} features>"

    def __getstate__(self) -> dict[str, Any]:
        # What files and pickles need is loaded with the first of them.
        from fastgmm.archive import codec

        mixture, names = self._fitted()
        facts, arrays = codec.describe(mixture)
        kept = {"names": names, "n_threads": self.n_threads, "missing": self.missing}
        return {"facts": facts, "arrays": arrays, **kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # What files and pickles need is loaded with the first of them.
        from fastgmm.archive import codec, container
        from fastgmm.archive.checks import check_names
        from fastgmm.estimators import first_format

        try:
            if "facts" in state:
                mixture = codec.restore(Mixture, state["facts"], state["arrays"])
                names = state["names"]
            else:
                mixture, names = first_format.snapshot_of(state)
                mixture = codec.checked(mixture)
            check_names(names, mixture.n_features)
        except container.UNREADABLE as error:
            raise FileFormatError(f"the pickle does not hold a snapshot: {error}") from error
        missing = state.get("missing", "error")
        if missing not in MISSING:
            raise FileFormatError(f"the pickle does not hold a snapshot: missing is {missing!r}")
        Snapshot.__init__(self, mixture, names, state["n_threads"], missing)
