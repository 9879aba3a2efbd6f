"""What a fitted mixture shows of itself: `summary`, and HTML in notebooks."""

import re

import numpy as np
import pytest
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastgmm import BayesianGaussianMixture, GaussianMixture, NormalInverseWishart, load
from fastgmm.errors import NotFittedError


@pytest.fixture
def rows(rng):
    return rng.normal(size=(200, 2)) + 6.0 * rng.integers(2, size=(200, 1))


def numbers_of(text):
    return dict(re.split(r"  +", line) for line in text.split("\n\n")[-1].splitlines())


def test_a_summary_with_rows_has_their_criteria(rows):
    weights = np.linspace(0.5, 2.0, 200)
    model = GaussianMixture(2, random_state=0).fit(rows, sample_weight=weights)
    found = numbers_of(model.summary(rows, sample_weight=weights))
    assert found == {
        "log-likelihood per row": f"{model.score(rows, sample_weight=weights):.6f}",
        "BIC": f"{model.bic(rows, sample_weight=weights):.3f}",
        "AIC": f"{model.aic(rows, sample_weight=weights):.3f}",
        "iterations": str(model.n_iter_),
        "converged": "yes",
    }
    alone = numbers_of(model.summary())
    assert alone["lower bound per row"] == f"{model.lower_bound_:.6f}"
    assert "log-likelihood per row" not in alone  # it is that before the last step, and no other
    assert "BIC" not in alone
    assert "rows that weigh 250 of" in model.summary() or "250 rows" in model.summary()


def test_rows_without_a_value_do_not_count(rows):
    gapped = rows.copy()
    gapped[::9] = np.nan
    gapped[1::9, 0] = np.nan
    model = GaussianMixture(2, random_state=0, missing="em").fit(gapped)
    assert numbers_of(model.summary(gapped))["BIC"] == f"{model.bic(gapped):.3f}"
    weights = np.linspace(0.5, 2.0, 200)
    found = numbers_of(model.summary(gapped, sample_weight=weights))["BIC"]
    assert found == f"{model.bic(gapped, sample_weight=weights):.3f}"


def test_labels_count(rows):
    labels = np.where(np.arange(200) < 50, rows[:, 0] > 3, -1).astype(int)
    model = GaussianMixture(2, random_state=0).fit(rows, labels=labels)
    told = model.e_step(rows, labels=labels).log_likelihood / 200
    assert numbers_of(model.summary(rows, labels=labels))["log-likelihood per row"] == f"{told:.6f}"


def test_posteriors_and_priors_name_their_bound(rows):
    model = BayesianGaussianMixture(n_components=3, random_state=0).fit(rows)
    found = numbers_of(model.summary(rows))
    assert found["lower bound of all rows"] == f"{model.lower_bound_:.3f}"
    model = GaussianMixture(2, prior=NormalInverseWishart(), random_state=0).fit(rows)
    assert "lower bound per row" in numbers_of(model.summary())


def test_what_cannot_be_summed_up_is_an_error(rows):
    with pytest.raises(NotFittedError):
        GaussianMixture().summary()
    model = GaussianMixture().fit(rows)
    with pytest.raises(ValueError, match=r"^sample_weight and labels go with the rows"):
        model.summary(sample_weight=np.ones(200))


@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture])
def test_a_notebook_shows_the_components_of_a_fitted_mixture(rows, kind):
    model = kind(n_components=2, random_state=0)
    assert "fastgmm-summary" not in model._repr_mimebundle_()["text/html"]
    model.fit(rows)
    bundle = model._repr_mimebundle_()
    assert bundle["text/plain"] == repr(model)
    assert model._repr_html_() == bundle["text/html"]
    assert kind.__name__ in bundle["text/html"]
    assert f"fitted: 2 components, 200 rows, converged in {model.n_iter_}" in bundle["text/html"]
    with config_context(display="text"):
        assert model._repr_mimebundle_() == {"text/plain": repr(model)}
        assert not hasattr(model, "_repr_html_")


def test_a_pipeline_keeps_its_diagram(rows):
    pipeline = make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0)).fit(rows)
    html = pipeline._repr_html_()
    assert "sk-top-container" in html
    assert html.count("GaussianMixture") >= 1
    assert "fastgmm-summary" not in html


@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture])
def test_rows_of_a_fit_and_of_a_stream_after_it_are_both_told(rows, tmp_path, kind):
    model = kind(n_components=2, random_state=0).fit(rows)
    head = model.summary().splitlines()[0]
    fitted = f"fitted to {len(rows)} rows"
    assert f", {fitted} of " in head
    model.partial_fit(rows[:30]).partial_fit(rows[30:50])
    model.save(tmp_path / "m.gmm")
    loaded = load if kind is GaussianMixture else BayesianGaussianMixture.load
    for one in (model, loaded(tmp_path / "m.gmm")):
        told = head.replace(fitted, f"{fitted}, then to 50 of a stream,")
        assert one.summary().splitlines()[0] == told
        assert f", {len(rows)} rows, 50 of a stream" in one._repr_html_()
        if kind is GaussianMixture:
            assert one.stream_.fitted == len(rows)
    model.fit(rows)
    assert model.summary().splitlines()[0] == head


def test_rows_of_a_stream_alone(rows):
    stream = GaussianMixture(1, random_state=0)
    for _ in range(3):
        stream.partial_fit(rows)
    assert f"fitted to {3 * len(rows)} rows of " in stream.summary()
    assert stream.stream_.fitted == 0.0
