"""Gaussian mixture models by expectation-maximisation, with fused Cython kernels.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> X = np.concatenate([rng.normal(0, 1, (500, 2)), rng.normal(5, 1, (500, 2))])
>>> model = GaussianMixture(n_components=2, random_state=0).fit(X)
>>> np.sort(model.weights_).round(3)
array([0.5, 0.5])
"""

from fastgmm.compression import compress
from fastgmm.config import show_config
from fastgmm.estimator import GaussianMixture, load
from fastgmm.priors import NormalInverseWishart
from fastgmm.selection import select
from fastgmm.statistics import SufficientStatistics
from fastgmm.version import __version__

__all__ = [
    "GaussianMixture",
    "NormalInverseWishart",
    "SufficientStatistics",
    "__version__",
    "compress",
    "load",
    "select",
    "show_config",
]
