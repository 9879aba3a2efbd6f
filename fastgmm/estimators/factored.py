"""What a fitted mixture with factors says of them."""

from collections.abc import Callable

from fastgmm.estimators.drawing import Drawing
from fastgmm.estimators.fixed import fixed_copy, with_fixed_attributes
from fastgmm.mixture.mixture import Mixture
from fastgmm.typing import ArrayLike, Rows


@with_fixed_attributes
class Factored(Drawing):
    """The attributes of factors, which are there only where the covariance type has them."""

    @property
    def factors_(self) -> Rows:
        """The loadings of factors, (K, D, q), in the order of what they explain."""
        from fastgmm.mixture.factors import loadings  # few mixtures have factors

        mixture = self._of_low_rank("factors_")
        return fixed_copy(loadings(mixture), mixture.dtype)

    @property
    def noise_variances_(self) -> Rows:
        """The variances of the noise beside the factors, (K, D)."""
        from fastgmm.mixture.factors import noise_variances  # few mixtures have factors

        mixture = self._of_low_rank("noise_variances_")
        return fixed_copy(noise_variances(mixture), mixture.dtype)

    @property
    def transform(self) -> Callable[[ArrayLike], Rows]:
        """``transform(X)``: the expected factors of rows, (n, K q), where there are factors.

        Columns q k to q k + q - 1 are those of component k, in the order of `factors_`, times its
        responsibility: with one component, the scores of a factor analysis; with more, nearly zero
        where a row belongs to another component.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgmm
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 6)) + rng.normal(size=(500, 6))
        >>> model = fastgmm.GaussianMixture(
        ...     covariance_type="low_rank", n_factors=2, max_iter=500, random_state=0
        ... )
        >>> model = model.fit(X)
        >>> model.transform(X).shape, model.factors_.shape, model.noise_variances_.shape
        ((500, 2), (1, 6, 2), (1, 6))
        """
        self._of_low_rank("transform")
        return self._transformed

    def _transformed(self, X: ArrayLike) -> Rows:
        from fastgmm.mixture.factors import expected  # few mixtures have factors

        mixture, names = self._fitted()
        rows, _ = self._rows(X, mixture, names, "transform")
        found: Rows = expected(mixture, rows, self._threads())
        return found

    def _of_low_rank(self, name: str) -> Mixture:
        """The mixture, if it has factors; to ask others is an AttributeError."""
        if not str(getattr(self, "covariance_type", LOW_RANK)).startswith(LOW_RANK):
            raise AttributeError(_absent(self, name))
        mixture, _ = self._fitted()
        if mixture.covariance_model.form.linear:
            raise AttributeError(_absent(self, name))
        return mixture


LOW_RANK = "low_rank"
"""The covariance types with factors begin with this word."""


def _absent(owner: object, name: str) -> str:
    return (
        f"{type(owner).__name__!r} object has no attribute {name!r}: only mixtures of "
        "covariance_type='low_rank' or 'low_rank_spherical' have factors"
    )
