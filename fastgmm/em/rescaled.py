"""What equal volumes do to a ridge: it is scaled with the covariance that it was added to.

EVI, EVE and EVV scale each covariance to one volume, and the ridge that is in it by then.  Where
the rows have no variance in some direction the covariance has one of several times the ridge, or of
a part of it, and the ridge alone decides it all the same.  Before the scaling this can be seen.
"""

from dataclasses import replace

import numpy as np

from fastgmm.covariance.estimate import sample_covariances
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.mixture import Mixture
from fastgmm.mixture.statistics import SufficientStatistics


def unscaled(
    mixture: Mixture, statistics: SufficientStatistics, regularization: Regularization
) -> Mixture:
    """The mixture of these statistics with covariances of the volumes of their own rows.

    The ridge is in them as it is.  Itself where nothing is scaled, or a prior keeps volumes from
    zero.

    By how much one was scaled is told by the trace of precision times the rows' own covariance: it
    is the number of features over the scale, as they have the same variances but for the scale,
    along the axes of the one.
    """
    if regularization.prior is not None or not mixture.covariance_model.rescales:
        return mixture
    form, inverse = mixture.covariance_model.form, mixture.inverse_factors
    ridge = regularization.ridge(form)
    own = sample_covariances(form, False, regularization.augmented(statistics), ridge)
    with np.errstate(all="ignore"):  # of a component without rows, say
        whitened = inverse * own if form.ndim == 1 else inverse @ own
        scale = mixture.n_features / (whitened * inverse).reshape(len(own), -1).sum(axis=1)
    scale = np.where(np.isfinite(scale) & (scale > 0.0), scale, 1.0)
    scale = scale.reshape(-1, *(1,) * form.ndim)
    return replace(
        mixture,
        covariances=mixture.covariances / scale,
        factors=mixture.factors / np.sqrt(scale),
        inverse_factors=inverse * np.sqrt(scale),
    )
