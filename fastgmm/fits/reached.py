"""What a start of a fit has reached."""

from fastgmm.archive import checks
from fastgmm.values import dataclass


@dataclass(frozen=True)
class Initialization:
    """What one start has reached.

    Parameters
    ----------
    index : int
        The index of the start, below ``n_init``.
    lower_bound : float
        Mean log-likelihood per row in nats: at the end of its run, or, where candidates were
        compared on a subset of the rows, after a few passes there; -inf where it degenerated.
    chosen : bool
        Whether the result of the fit comes from this start.
    failure : str, optional
        What made it degenerate.

    Examples
    --------
    >>> import fastgmm
    >>> X = [[0.0], [0.5], [1.0], [4.0], [4.5], [5.0]]
    >>> model = fastgmm.GaussianMixture(2, n_init=3, init_params="kmeans", random_state=0).fit(X)
    >>> [one.index for one in model.initializations_]
    [0, 1, 2]
    >>> sum(one.chosen for one in model.initializations_)
    1
    """

    index: int
    lower_bound: float
    chosen: bool = False
    failure: str | None = None

    def check(self) -> None:
        """Raise ValueError where the numbers, from a file, cannot be."""
        checks.check_count("the index of a start", self.index)
        checks.check_log_density("the lower bound of a start", self.lower_bound)
