"""Try fastgmm inside programs of others, those that are installed, and print a table of outcomes.

    python -m pip install skops mlflow yellowbrick skl2onnx onnxruntime dask-ml scikit-lego pyod \
        optuna shap
    python ci/outside_programs.py [names]

Each trial fails loudly: the script ends with status 1 if one that could be run did not do what it
should.  `docs/scikit_learn.md` holds the table of the last run.
"""

import argparse
import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Self

import numpy as np

import fastgmm

RNG = np.random.default_rng(0)
X = RNG.normal(RNG.choice([-8.0, 0.0, 8.0], (450, 1)), 1.0, (450, 3))


def model(n_components: int = 3) -> fastgmm.GaussianMixture:
    """A mixture that is not fitted."""
    return fastgmm.GaussianMixture(n_components, random_state=0)


def same(one: object, other: object) -> None:
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-9)


def skops() -> str:
    from skops import io

    fitted = fastgmm.GaussianMixture(3, prior=fastgmm.NormalInverseWishart()).fit(X)
    content = io.dumps(fitted)
    names = io.get_untrusted_types(data=content)
    assert names == ["fastgmm.GaussianMixture"], names
    same(io.loads(content, trusted=names).score_samples(X), fitted.score_samples(X))
    return "one name to trust, the same scores"


def mlflow() -> str:
    import mlflow
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/runs.db")
        experiment = mlflow.create_experiment("outside", artifact_location=f"{folder}/artifacts")
        fitted = model().fit(X)
        with mlflow.start_run(experiment_id=experiment):
            try:
                info, how = mlflow.sklearn.log_model(fitted, name="model"), "default settings"
            except Exception as error:
                if "trusted" not in str(error):
                    raise
                names = ["fastgmm.GaussianMixture"]
                info = mlflow.sklearn.log_model(fitted, name="model", skops_trusted_types=names)
                how = "one name in skops_trusted_types"
        again = mlflow.sklearn.load_model(info.model_uri)
        same(again.score_samples(X), fitted.score_samples(X))
        mlflow.sklearn.autolog(log_models=False)
        with mlflow.start_run(experiment_id=experiment) as run:
            make_pipeline(StandardScaler(), model()).fit(X)
        mlflow.sklearn.autolog(disable=True)
        logged = mlflow.get_run(run.info.run_id).data
        assert logged.params["gaussianmixture__n_components"] == "3", logged.params
    return f"log_model with {how}; autolog logs the parameters in a pipeline"


class Clusters(fastgmm.GaussianMixture):
    """What yellowbrick asks of a clusterer, whose number of clusters it sets by this name."""

    _estimator_type = "clusterer"

    def __init__(self, n_clusters: int = 1, random_state: int | None = None) -> None:
        super().__init__(n_clusters, random_state=random_state)
        self.n_clusters = n_clusters

    def fit(self, X: Any, y: object = None, **how: Any) -> Self:
        """Fit, and keep the labels."""
        self.n_components = self.n_clusters
        self.labels_ = self.fit_predict(X)
        return self


def yellowbrick() -> str:
    import matplotlib as mpl

    mpl.use("Agg")
    from yellowbrick.cluster import KElbowVisualizer

    shown = KElbowVisualizer(Clusters(random_state=0), k=(2, 6), timings=False).fit(X)
    assert shown.elbow_value_ == 3, shown.elbow_value_
    return "KElbowVisualizer finds 3, with a subclass of ten lines (`n_clusters`, `labels_`)"


def onnx() -> str:
    import onnxruntime
    import skl2onnx

    fitted = model().fit(X)
    theirs = fitted.to_sklearn()
    converted = skl2onnx.to_onnx(theirs, X, options={id(theirs): {"score_samples": True}})
    session = onnxruntime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    labels, _, scores = session.run(None, {"X": X})
    same(labels.ravel(), fitted.predict(X))
    same(scores.ravel(), fitted.score_samples(X))
    return "the same labels and scores through to_sklearn()"


def dask_ml() -> str:
    import dask.array as da
    from dask_ml.model_selection import GridSearchCV
    from dask_ml.wrappers import Incremental, ParallelPostFit

    blocks = da.from_array(X, chunks=(100, 3))
    wrapped = ParallelPostFit(model()).fit(X)
    same(wrapped.predict(blocks).compute(), model().fit(X).predict(X))
    search = GridSearchCV(model(), {"n_components": [1, 3]}, cv=3).fit(X)
    assert search.best_params_ == {"n_components": 3}, search.best_params_
    learned = Incremental(model(), shuffle_blocks=False).fit(blocks)
    assert learned.estimator_.n_samples_seen_ == len(X)
    return "ParallelPostFit, GridSearchCV, Incremental"


def scikit_lego() -> str:
    from sklego.meta import EstimatorTransformer, GroupedPredictor

    found = (
        EstimatorTransformer(model(), predict_func="predict").fit(X, np.zeros(len(X))).transform(X)
    )
    same(found.ravel(), model().fit(X).predict(X))
    grouped = np.column_stack([np.arange(len(X)) % 2, X])
    labels = GroupedPredictor(model(), groups=0).fit(grouped).predict(grouped)
    same(labels[::2], model().fit(X[::2]).predict(X[::2]))
    return "EstimatorTransformer, GroupedPredictor"


def pyod() -> str:
    from pyod.models.base import BaseDetector

    class Detector(BaseDetector):
        def __init__(self, contamination: float = 0.1) -> None:
            super().__init__(contamination=contamination)

        def fit(self, X: Any, y: object = None) -> Self:
            self._set_n_classes(y)
            self.mixture_ = model().fit(X)
            self.decision_scores_ = self.decision_function(X)
            self._process_decision_scores()
            return self

        def decision_function(self, X: Any) -> Any:
            return -self.mixture_.score_samples(X)

    detector = Detector(contamination=0.02).fit(X)
    assert detector.predict([[50.0, 50.0, 50.0], [0.0, 0.0, 0.0]]).tolist() == [1, 0]
    return "a detector of ten lines (PyOD's own makes scikit-learn's class by name)"


def optuna() -> str:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: "optuna.Trial") -> float:
        fitted = model(trial.suggest_int("n_components", 1, 5)).fit(X)
        return float(fitted.bic(X))

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=12)
    assert study.best_params == {"n_components": 3}, study.best_params
    return "a study by bic finds 3"


def shap() -> str:
    import shap

    fitted = model().fit(X)
    explained = shap.Explainer(fitted.score_samples, X[:50], seed=0)(X[:5])
    total = explained.base_values + explained.values.sum(axis=1)
    same(total, fitted.score_samples(X[:5]))
    return "explanations of score_samples add up"


TRIALS: dict[str, tuple[Callable[[], str], tuple[str, ...]]] = {
    "skops": (skops, ("skops",)),
    "mlflow": (mlflow, ("mlflow",)),
    "yellowbrick": (yellowbrick, ("yellowbrick",)),
    "onnx": (onnx, ("skl2onnx", "onnxruntime")),
    "dask-ml": (dask_ml, ("dask_ml",)),
    "scikit-lego": (scikit_lego, ("sklego",)),
    "pyod": (pyod, ("pyod",)),
    "optuna": (optuna, ("optuna",)),
    "shap": (shap, ("shap",)),
}
"""Each trial has the modules that it needs."""
DISTRIBUTIONS = {"dask_ml": "dask-ml", "sklego": "scikit-lego"}
"""These modules come in packages of another name."""


def versions(modules: tuple[str, ...]) -> str:
    names = [DISTRIBUTIONS.get(module, module) for module in modules]
    return ", ".join(f"{name} {version(name)}" for name in names)


def main() -> None:
    """Try all, or those that are named, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TRIALS))
    names = parser.parse_args().names or list(TRIALS)
    about = [f"{name} {version(name)}" for name in ("numpy", "scikit-learn")]
    print(f"fastgmm {fastgmm.__version__}, {', '.join(about)}\n")
    print("| with | outcome |\n|---|---|")
    failed = []
    for name in names:
        trial, modules = TRIALS[name]
        missing = [one for one in modules if importlib.util.find_spec(one) is None]
        if missing:
            print(f"| {name} | not installed: {', '.join(missing)} |")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs are not ours to judge
            try:
                outcome = trial()
            except Exception as error:
                outcome = f"FAILED: {type(error).__name__}: {error}"
                failed.append(name)
        print(f"| {versions(modules)} | {outcome} |", flush=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
