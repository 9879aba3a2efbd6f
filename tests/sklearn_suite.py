"""A plugin for pytest: scikit-learn's own tests of its two mixtures, with our classes in its place.

    PYTHONPATH=tests pytest -p sklearn_suite --pyargs sklearn.mixture.tests.test_gaussian_mixture
    PYTHONPATH=tests pytest -p sklearn_suite --pyargs sklearn.mixture.tests.test_bayesian_mixture

`tests/contract/test_sklearn_suite.py` runs it.  Nothing is copied from scikit-learn: its installed
test file is run, where it has one.  Tests of its private functions and of array namespaces are left
out, and what differs on purpose must differ.
"""

import pytest

import fastgmm

PRIVATE = {
    "test_suffstat_sk_full": "functions that estimate covariances",
    "test_suffstat_sk_tied": "functions that estimate covariances",
    "test_suffstat_sk_diag": "functions that estimate covariances",
    "test_gaussian_suffstat_sk_spherical": "functions that estimate covariances",
    "test_compute_log_det_cholesky": "a function of Cholesky factors",
    "test_gaussian_mixture_log_probabilities": "a function of log densities",
    "test_gaussian_mixture_precisions_init": "_set_parameters and _initialize",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": "calls of a function",
    "test_log_dirichlet_norm": "a function of concentrations",
    "test_log_wishart_norm": "a function of degrees of freedom",
    "test_compare_covar_type": "_check_parameters and _initialize_parameters",
}
"""These tests are about private functions and methods of scikit-learn's class, as named."""
NOT_SUPPORTED = {
    "test_gaussian_mixture_array_api_compliance": "array namespaces other than NumPy's",
    "test_gaussian_mixture_raises_where_array_api_not_implemented": "the same",
}
"""These tests are about what the README says that there is not."""
DIFFERENT = {
    ("gaussian", "test_check_weights"): "scikit-learn's sentence calls the smallest weight the "
    "largest, and the largest the smallest; ours has them right.",
    ("gaussian", "test_monotonic_likelihood"): "A fit of one iteration at a time knows the last "
    "bounds of one fit before, and wants a predicted distance to the limit of 1e-8.",
}
"""These tests fail, each for the reason that stands beside it."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put our class into the module of the tests, and mark what differs."""
    kept, left_out = [], []
    for item in items:
        assert isinstance(item, pytest.Function)
        for kind in ("GaussianMixture", "BayesianGaussianMixture"):
            if hasattr(item.module, kind):
                setattr(item.module, kind, getattr(fastgmm, kind))
        name = item.originalname
        of = item.module.__name__.rpartition("test_")[2].removesuffix("_mixture")
        if (of, name) in DIFFERENT:
            item.add_marker(pytest.mark.xfail(reason=DIFFERENT[of, name], strict=True))
        (left_out if name in PRIVATE or name in NOT_SUPPORTED else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
