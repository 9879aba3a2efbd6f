"""The M-step: sufficient statistics -> the parameters that maximise them.

Small and in one place.
"""

import numpy as np

from fastgmm.covariance import estimate_covariances, factor_or_repair
from fastgmm.parameters import Parameters
from fastgmm.statistics import SufficientStatistics

_TINY = np.finfo(np.float64).tiny


def maximization(statistics: SufficientStatistics, reg_covar: float = 0.0) -> Parameters:
    """Weights N_k / N, means sum r x / N_k and covariances sum r (x - mean)(x - mean)^T / N_k.

    See Bishop 2006, 9.24 to 9.27.  A component that holds nothing keeps its place with weight 0 and
    covariance ``reg_covar``.

    Raises
    ------
    IllDefinedCovarianceError
        When a covariance is not positive definite and `reg_covar` is 0.
    """
    component_weight = np.maximum(statistics.component_weight, _TINY)
    means = statistics.means
    covariances = estimate_covariances(statistics, component_weight, reg_covar)
    covariances, factors, inverses = factor_or_repair(
        covariances, statistics.covariance_type, reg_covar
    )
    weights = statistics.component_weight / statistics.component_weight.sum()
    return Parameters(
        statistics.covariance_type, weights, means, covariances, factors, inverses, statistics.dtype
    )
