"""The M-step: sufficient statistics -> the parameters that maximise them.

Small and in one place.
"""

from fastgmm.covariance.estimate import check_range, factor_or_repair
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics


def maximization(
    statistics: SufficientStatistics, regularization: Regularization | None = None
) -> Mixture:
    """Weights N_k / N, means sum r x / N_k and covariances sum r (x - mean)(x - mean)^T / N_k.

    See Bishop 2006, 9.24 to 9.27; with a prior, its maximum a posteriori estimates (Fraley and
    Raftery 2007).  A component that holds nothing keeps its place with weight 0 and the covariance
    that the regularisation alone gives.

    Raises
    ------
    IllDefinedCovarianceError
        When a covariance is not positive definite and nothing regularises it.
    DataRangeError
        When covariances or precisions have no number of the rows' dtype.
    """
    regularization = regularization or Regularization()
    model = statistics.covariance_model
    sums = regularization.augmented(statistics)
    means = sums.reference + sums.first_moment / sums.mean_weight[:, None]
    covariances = model.estimate(sums, regularization.ridge(model.form))
    covariances, factors, inverses = factor_or_repair(
        model.form, covariances, regularization.floor, statistics.dtype
    )
    check_range(covariances, inverses, statistics.dtype)
    weights = statistics.component_weight / statistics.component_weight.sum()
    return Mixture(
        statistics.covariance_type, weights, means, covariances, factors, inverses, statistics.dtype
    )
