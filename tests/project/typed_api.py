"""The public API as a typed program uses it: mypy --strict and pyright look at it, nobody runs it.

`ci/types.sh` hands it to both.  Dtypes of arrays are what `assert_type` says.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import fastgmm
from fastgmm import (
    BayesianGaussianMixture,
    Bootstrap,
    Candidate,
    Criteria,
    FittedGroups,
    GaussianMixture,
    GaussianMixtureClassifier,
    GaussianMixtureRegressor,
    GroupFit,
    Initialization,
    Iteration,
    LikelihoodRatio,
    LikelihoodRatioTests,
    NormalInverseWishart,
    ParameterArrays,
    Repair,
    Selection,
    Snapshot,
    Stream,
    SufficientStatistics,
    bootstrap,
    bootstrap_lrt,
    compress,
    errors,
    fit_many,
    fit_with,
    get_include,
    load,
    plot,
    progress_bar,
    select,
    show_config,
    sources,
    typing,
)

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]
Strings = NDArray[np.object_]


def stop(iteration: Iteration) -> bool:
    return iteration.n_iter > 3 and iteration.change < 1e-3


def fits(X: Doubles, single: NDArray[np.float32], weight: Doubles) -> GaussianMixture:
    kind: typing.CovarianceType = "tied_diag"
    model = GaussianMixture(
        3,
        covariance_type=kind,
        reg_covar="auto",
        prior=NormalInverseWishart(shrinkage=0.1),
        random_state=np.random.default_rng(0),
        missing="em",
        noise="uniform",
    )
    assert_type(model, GaussianMixture)
    model = GaussianMixture(
        3,
        means_init=X[:3],
        frozen=("means",),
    )
    assert_type(model, GaussianMixture)
    assert_type(GaussianMixture(2, frozen={"means": [True, False]}), GaussianMixture)
    assert_type(model.fit(X, sample_weight=weight, callback=stop), GaussianMixture)
    assert_type(model.fit(single), GaussianMixture)
    assert_type(model.fit([[1.0], [2.0]]), GaussianMixture)
    assert_type(model.fit_batches([X, (X, weight)], checkpoint=Path("x.gmm")), GaussianMixture)
    assert_type(model.partial_fit(X), GaussianMixture)
    assert_type(model.fit_predict(X), Integers)
    assert_type(model.set_params(tol=1e-3, prior__shrinkage=1.0), GaussianMixture)
    assert_type(model.get_params(), dict[str, Any])
    assert_type(model.set_fit_request(sample_weight=True), GaussianMixture)
    assert_type(model.is_fitted, bool)
    assert_type(model.summary(X), str)
    model.fit(X, callback=progress_bar(100, delay=1.0))
    return model


def attributes(model: GaussianMixture | Snapshot) -> None:
    for array in (
        model.weights_,
        model.means_,
        model.covariances_,
        model.precisions_,
        model.precisions_cholesky_,
    ):
        assert_type(array, Floats)
    assert_type(model.feature_names_in_, Strings)
    assert_type(model.n_features_in_, int)
    assert_type(model.n_parameters, int)
    assert_type(model.noise_weight_, float)
    assert_type(model.noise_volume_, float)


def scores(model: GaussianMixture | Snapshot, X: Doubles, weight: Doubles) -> None:
    assert_type(model.predict(X), Integers)
    assert_type(model.predict_proba(X), Floats)
    assert_type(model.noise_proba(X), Floats)
    assert_type(model.score_samples(X, out=np.empty(len(X))), Floats)
    assert_type(model.component_log_density(X), Floats)
    assert_type(model.mahalanobis(X), Floats)
    assert_type(model.score(X, sample_weight=weight), float)
    assert_type(model.bic(X), float)
    assert_type(model.aic(X), float)
    assert_type(model.icl(X), float)
    assert_type(model.density_region(0.9), float)
    assert_type(model.sample(9, random_state=0), tuple[Floats, Integers])


def way(model: GaussianMixture) -> None:
    assert_type(model.converged_, bool)
    assert_type(model.n_iter_, int)
    assert_type(model.n_passes_, int)
    assert_type(model.lower_bound_, float)
    assert_type(model.lower_bounds_, list[float])
    assert_type(model.gap_, float)
    assert_type(model.repairs_, list[Repair])
    assert_type(model.initializations_, list[Initialization])


def questions(model: GaussianMixture, X: Doubles) -> None:
    assert_type(model.marginal([0, 1]), GaussianMixture)
    assert_type(model.conditional([0], [1.0]), GaussianMixture)
    assert_type(model.regress(X, [0]), Floats)
    assert_type(model.regress(X, [0], return_cov=True), tuple[Floats, Floats])
    assert_type(model.impute(X, random_state=1), Floats)
    assert_type(model.merge_components(2), GaussianMixture)
    assert_type(model.reorder([1, 0]), GaussianMixture)
    assert_type(model.kl_divergence(model), tuple[float, float])
    assert_type(model.kl_divergence_bound(model), float)


def streams(model: GaussianMixture, X: Doubles) -> None:
    stream = model.stream_
    assert_type(stream, Stream)
    assert_type(stream.log_density, Doubles)
    assert_type(model.n_samples_seen_, int)
    assert_type(model.novelty_threshold(0.01), float)
    assert_type(model.is_novel(X, quantile=0.01), Truths)
    assert_type(model.snapshot(), Snapshot)


def statistics(model: GaussianMixture, X: Doubles) -> None:
    found = model.e_step(X)
    assert_type(found, SufficientStatistics)
    assert_type(found + found - 0.5 * found * 2.0, SufficientStatistics)
    assert_type(SufficientStatistics.total(model.e_step(one) for one in [X]), SufficientStatistics)
    assert_type(SufficientStatistics.from_bytes(found.to_bytes()), SufficientStatistics)
    assert_type(found.component_weight, Doubles)
    assert_type(found.log_likelihood, float)
    assert_type(model.m_step(found), GaussianMixture)
    assert_type(model.adapt(found, relevance=8, parts=["means", "weights"]), GaussianMixture)
    assert_type(model.adapt(X, parts="means", n_iter=2), GaussianMixture)
    assert_type(model.fisher_vectors([found, X], parts=("means",)), Floats)


def files(model: GaussianMixture, path: "str | os.PathLike[str]") -> None:
    model.save(path)
    assert_type(load(path), GaussianMixture)
    made = GaussianMixture.from_parameters([1.0], [[0.0]], [[[1.0]]], n_threads=1)
    assert_type(made, GaussianMixture)
    assert_type(GaussianMixture.from_sklearn(model.to_sklearn()), GaussianMixture)


def regressors(X: Doubles, y: Doubles) -> None:
    model = GaussianMixtureRegressor(2, covariance_type="full").fit(X, y)
    assert_type(model, GaussianMixtureRegressor)
    assert_type(model.predict(X), Floats)
    assert_type(model.predict(X, return_std=True), tuple[Floats, Floats])
    assert_type(model.predict(X, return_cov=True), tuple[Floats, Floats])
    assert_type(model.score(X, y), float)
    assert_type(model.mixture_, GaussianMixture)
    assert_type(model.n_outputs_, int)


def classifiers(X: Doubles, y: Doubles) -> None:
    model = GaussianMixtureClassifier({"a": 2, "b": range(1, 3)}, priors=[0.5, 0.5]).fit(X, y)
    assert_type(model, GaussianMixtureClassifier)
    assert_type(model.partial_fit(X, y, classes=["a", "b"]), GaussianMixtureClassifier)
    assert_type(model.predict_proba(X), Doubles)
    assert_type(model.decision_function(X), Doubles)
    assert_type(model.score(X, y), float)
    assert_type(model.priors_, Doubles)
    labelled = GaussianMixture(2).fit(X, labels=[0, -1, 1])
    assert_type(labelled.e_step(X, labels=[[True, False]]), SufficientStatistics)


def factors(X: Doubles) -> None:
    model = GaussianMixture(2, covariance_type="low_rank", n_factors=3).fit(X)
    for one in (model, model.snapshot()):
        assert_type(one.factors_, Floats)
        assert_type(one.noise_variances_, Floats)
        assert_type(one.transform(X), Floats)


def posteriors(X: Doubles) -> None:
    model = BayesianGaussianMixture(n_components=3, covariance_prior=2.0).fit(X)
    assert_type(model, BayesianGaussianMixture)
    assert_type(model.mean_precision_, Floats)
    assert_type(model.weight_concentration_, Floats | tuple[Floats, Floats])
    assert_type(model.fit_predict(X), Integers)
    assert_type(model.m_step(model.e_step(X)), BayesianGaussianMixture)


def choices(X: Doubles) -> None:
    chosen = select(X, range(1, 4), ["full", "VEE"], "bic", n_threads=2)
    assert_type(chosen.model.covariance_decomposition(), tuple[Doubles, Doubles, Doubles])
    assert_type(chosen, Selection)
    assert_type(chosen.model, GaussianMixture)
    first: Candidate = chosen.table[0]
    assert_type(first.n_components, int)
    criteria = Criteria(-12.5, 5, 100.0, 0.0)
    assert_type(criteria.bic, float)
    tests = bootstrap_lrt(X, n_bootstrap=19)
    assert_type(tests, LikelihoodRatioTests)
    ratio: LikelihoodRatio = tests.table[0]
    assert_type(ratio.replicates, Doubles)
    found = bootstrap(chosen.model, X, 19, kind="weighted")
    assert_type(found, Bootstrap)
    of_parameters: ParameterArrays = found.standard_errors
    assert_type(of_parameters.means, Floats)


def groups(tables: Iterator[Doubles], X: Doubles, labels: Integers) -> None:
    found = fit_many(tables, 2)
    assert_type(found, FittedGroups)
    assert_type(found.means_, Floats)
    assert_type(found.converged_, Truths)
    assert_type(found.predict(X, labels), Integers)
    one: GroupFit | GaussianMixture = found[0]
    print(one)


def the_rest(X: Doubles) -> None:
    assert_type(compress(X), tuple[Floats, Doubles])
    assert_type(show_config(), dict[str, Any])
    assert_type(fastgmm.__version__, str)
    assert_type(get_include(), str)
    assert_type(fit_with(lambda model: model.e_step(X), X, 2), GaussianMixture)
    model = GaussianMixture(2).fit(X)
    assert_type(model.score_one(X[0]), float)
    assert_type(model.snapshot().score_one(X[0]), float)
    print(model.snapshot().scorer(np.float32).capsule)
    batches = sources.batches("rows.csv")
    GaussianMixture(2).fit_batches(batches)
    try:
        plot.save_mixture("mixture.png", GaussianMixture(2).fit(X), X)
    except errors.NotFittedError as error:
        print(error)
