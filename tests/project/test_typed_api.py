"""The typed program uses the whole public API, and the dtypes that it names are those there are."""

import ast
from pathlib import Path

import numpy as np
import pytest

import fastgmm
from fastgmm import GaussianMixture, GaussianMixtureRegressor, Snapshot

TEXT = (Path(__file__).with_name("typed_api.py")).read_text(encoding="utf-8")
USED = {node.attr for node in ast.walk(ast.parse(TEXT)) if isinstance(node, ast.Attribute)}
PARAMETERS = {"frozen", "missing", "n_factors", "noise", "random_state"}
"""These parameters have a default on the class, and are used as arguments."""


def test_all_public_names_are_in_it() -> None:
    imported = {
        one.name
        for node in ast.walk(ast.parse(TEXT))
        if isinstance(node, ast.ImportFrom) and node.module == "fastgmm"
        for one in node.names
    }
    assert imported | {"__version__"} == set(fastgmm.__all__)


@pytest.mark.parametrize("kind", [GaussianMixture, GaussianMixtureRegressor, Snapshot])
def test_all_of_a_class_is_in_it(kind: type) -> None:
    ours = {
        name
        for one in kind.__mro__
        if one.__module__.startswith("fastgmm")
        for name in vars(one)
        if not name.startswith("_") and not name.endswith("_request")
    }
    assert not (ours - USED - PARAMETERS)


def test_dtypes_are_what_it_says(rng: np.random.Generator) -> None:
    X = rng.normal(size=(200, 2))
    for dtype in (np.float32, np.float64):
        rows = X.astype(dtype)
        model = GaussianMixture(2, random_state=0).fit(rows)
        assert model.predict(rows).dtype == model.sample(5)[1].dtype == np.int64
        assert model.fit_predict(rows).dtype == np.int64
        for found in (model.means_, model.score_samples(rows), model.mahalanobis(rows)):
            assert found.dtype == dtype
        stream = model.partial_fit(rows).stream_
        assert stream.seen.dtype == stream.log_density.dtype == np.float64
        assert model.is_novel(rows).dtype == np.bool_
    groups = fastgmm.fit_many([X, X[:100]], 2, random_state=0)
    assert groups.n_iter_.dtype == np.int64
    assert groups.converged_.dtype == np.bool_
    assert groups.lower_bound_.dtype == np.float64
