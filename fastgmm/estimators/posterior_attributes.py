"""What a fitted posterior says of itself, under scikit-learn's names."""

from typing import Any

import numpy as np

from fastgmm.estimators.fixed import fixed_copy, with_fixed_attributes
from fastgmm.estimators.reported import Reported
from fastgmm.mixture.posterior import Posterior
from fastgmm.typing import Rows


@with_fixed_attributes
class PosteriorAttributes(Reported):
    """The attributes of a posterior and its prior; `BayesianGaussianMixture` inherits them."""

    def _posterior(self) -> Posterior:
        mixture, _ = self._fitted()
        assert isinstance(mixture, Posterior)
        return mixture

    def _shown_number(self, number: Any) -> Any:
        """An array of the posterior as it is shown; a number where it has no dimension."""
        array = np.asarray(number)
        return fixed_copy(array, self._posterior().dtype) if array.ndim else float(array)

    @property
    def weight_concentration_(self) -> "Rows | tuple[Rows, Rows]":
        """The concentrations, (K,); of sticks both parameters of their beta distributions."""
        concentration = self._posterior().concentration
        if concentration.ndim == 1:
            shown: Rows = self._shown_number(concentration)
            return shown
        return self._shown_number(concentration[0]), self._shown_number(concentration[1])

    @property
    def weight_concentration_prior_(self) -> float:
        """The concentration of the prior."""
        return self._posterior().prior.concentration

    @property
    def mean_precision_(self) -> Rows:
        """(K,): the number of rows that each mean is known by."""
        shown: Rows = self._shown_number(self._posterior().mean_precision)
        return shown

    @property
    def mean_precision_prior_(self) -> float:
        """The number of rows that the prior counts for in each mean."""
        return self._posterior().prior.mean_precision

    @property
    def mean_prior_(self) -> Rows:
        """(D,): the mean of the prior."""
        shown: Rows = self._shown_number(self._posterior().prior.mean)
        return shown

    @property
    def degrees_of_freedom_(self) -> "Rows | float":
        """The degrees of freedom, (K,); a float if tied."""
        shown: Rows | float = self._shown_number(self._posterior().dof)
        return shown

    @property
    def degrees_of_freedom_prior_(self) -> float:
        """The degrees of freedom of the prior."""
        return self._posterior().prior.dof

    @property
    def covariance_prior_(self) -> "Rows | float":
        """The inverse of the scale of the prior's Wishart distribution."""
        shown: Rows | float = self._shown_number(self._posterior().prior.covariance)
        return shown
