"""Fits of the rows of each class: which go together, and what their streams leave alone."""

from typing import Any

import numpy as np
import pytest

from fastgmm import GaussianMixtureClassifier
from fastgmm.estimators import class_fits as module
from fastgmm.estimators.class_fits import class_fits, learned_classes

CLASSES = np.array(["a", "b", "c"])


@pytest.fixture
def data() -> tuple[Any, Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), 60)
    rows = rng.standard_normal((180, 2)) + 4.0 * codes[:, None]
    params = GaussianMixtureClassifier(1, random_state=0).get_params(deep=False)
    del params["priors"]
    return (rows, None), (CLASSES, codes), params


def test_classes_of_one_size_are_fitted_together(
    data: tuple[Any, Any, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, of, params = data
    calls: list[tuple[list[str], int]] = []
    fit_many = module.fit_many

    def noted(groups: Any, k: int, **others: Any) -> Any:
        calls.append((list(groups), k))
        return fit_many(groups, k, **others)

    monkeypatch.setattr(module, "fit_many", noted)
    params["n_components"] = {"a": 1, "b": 2, "c": 1}
    models = class_fits(params, "Owner", rows, of, np.arange(3))
    assert calls == [(["a", "c"], 1), (["b"], 2)]
    assert [one.n_components for one in models if one is not None] == [1, 2, 1]
    models = class_fits(params, "Owner", rows, of, np.array([1]))
    assert [one is None for one in models] == [True, False, True]


def test_a_stream_leaves_what_was_before(data: tuple[Any, Any, dict[str, Any]]) -> None:
    (rows, weight), (classes, codes), params = data
    before = tuple(class_fits(params, "Owner", (rows, weight), (classes, codes), np.arange(3)))
    means = [one.means_.copy() for one in before if one is not None]
    some = codes == 1
    after = learned_classes(
        params, "Owner", (np.tile(rows[some] + 1.0, (9, 1)), None),
        (classes, np.tile(codes[some], 9)), before,
    )  # fmt: skip
    assert after[0] is before[0]
    assert after[2] is before[2]
    assert after[1] is not before[1]
    for one, old in zip(before, means, strict=True):
        assert one is not None
        assert (one.means_ == old).all()
    assert after[1] is not None
    assert (after[1].means_ > means[1] + 0.1).all()
