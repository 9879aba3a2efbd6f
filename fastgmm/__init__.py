"""Gaussian mixture models by expectation-maximisation, with fused Cython kernels.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> X = np.concatenate([rng.normal(0, 1, (500, 2)), rng.normal(5, 1, (500, 2))])
>>> model = GaussianMixture(n_components=2, random_state=0).fit(X)
>>> np.sort(model.weights_).round(3)
array([0.5, 0.5])

The public modules are this one, `fastgmm.sources`, `fastgmm.plot`, `fastgmm.errors` and
`fastgmm.typing`; all other modules are private, and what is in them may move.
"""

import importlib
from typing import TYPE_CHECKING, Any

from fastgmm.archive import pickles
from fastgmm.config import get_include, show_config
from fastgmm.em.collapse import Repair
from fastgmm.em.priors import NormalInverseWishart
from fastgmm.em.run import Iteration
from fastgmm.estimators.candidate import Candidate
from fastgmm.estimators.chosen import Selection
from fastgmm.estimators.gaussian_mixture import GaussianMixture, load
from fastgmm.estimators.selection import select
from fastgmm.estimators.snapshot import Snapshot, Stream
from fastgmm.fits.reached import Initialization
from fastgmm.mixture.criteria import Criteria
from fastgmm.mixture.statistics import SufficientStatistics
from fastgmm.threads import pools
from fastgmm.validation.compression import compress
from fastgmm.version import __version__

if TYPE_CHECKING:
    from fastgmm import errors, plot, sources, typing
    from fastgmm.estimators.bayesian_mixture import BayesianGaussianMixture
    from fastgmm.estimators.bootstrap import Bootstrap, ParameterArrays, bootstrap
    from fastgmm.estimators.classifier import GaussianMixtureClassifier
    from fastgmm.estimators.driver import fit_with
    from fastgmm.estimators.fitted_groups import FittedGroups
    from fastgmm.estimators.likelihood_ratio import (
        LikelihoodRatio,
        LikelihoodRatioTests,
        bootstrap_lrt,
    )
    from fastgmm.estimators.many import GroupFit, fit_many
    from fastgmm.estimators.progress import progress_bar
    from fastgmm.estimators.regressor import GaussianMixtureRegressor

__all__ = [
    "BayesianGaussianMixture",
    "Bootstrap",
    "Candidate",
    "Criteria",
    "FittedGroups",
    "GaussianMixture",
    "GaussianMixtureClassifier",
    "GaussianMixtureRegressor",
    "GroupFit",
    "Initialization",
    "Iteration",
    "LikelihoodRatio",
    "LikelihoodRatioTests",
    "NormalInverseWishart",
    "ParameterArrays",
    "Repair",
    "Selection",
    "Snapshot",
    "Stream",
    "SufficientStatistics",
    "__version__",
    "bootstrap",
    "bootstrap_lrt",
    "compress",
    "errors",
    "fit_many",
    "fit_with",
    "get_include",
    "load",
    "plot",
    "progress_bar",
    "select",
    "show_config",
    "sources",
    "typing",
]
"""This list is the public API, and `dir(fastgmm)` shows it."""

_LATER = {
    "bayesian_mixture": ("BayesianGaussianMixture",),
    "bootstrap": ("Bootstrap", "ParameterArrays", "bootstrap"),
    "classifier": ("GaussianMixtureClassifier",),
    "driver": ("fit_with",),
    "fitted_groups": ("FittedGroups",),
    "likelihood_ratio": ("LikelihoodRatio", "LikelihoodRatioTests", "bootstrap_lrt"),
    "many": ("GroupFit", "fit_many"),
    "progress": ("progress_bar",),
    "regressor": ("GaussianMixtureRegressor",),
}
"""These modules of `estimators` are imported when one of their names is first asked for: together
they take a fifth of the import, and most programs fit one mixture."""

# Pickles, tracebacks and documentation name the public place, so that no move breaks them.
for _public in (
    Candidate,
    Criteria,
    GaussianMixture,
    Initialization,
    Iteration,
    NormalInverseWishart,
    Repair,
    Selection,
    Snapshot,
    Stream,
    SufficientStatistics,
    compress,
    get_include,
    load,
    select,
    show_config,
):
    _public.__module__ = __name__
del _public
pickles.install(__name__)
pools.install()


def __getattr__(name: str) -> Any:
    """Import what is public when it is first asked for, since some of it takes time."""
    if any(name in names for names in _LATER.values()):
        # All at once: their objects make each other, and each is to know its public place.
        for module, names in _LATER.items():
            found = importlib.import_module(f"{__name__}.estimators.{module}")
            for one in names:
                globals()[one] = getattr(found, one)
                globals()[one].__module__ = __name__
        return globals()[name]
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
