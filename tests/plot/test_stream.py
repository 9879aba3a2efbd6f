"""The picture of a stream."""

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.plot import plot_stream
from pictures import axes, legend_texts


def test_a_drift_is_seen():
    rng = np.random.default_rng(0)
    model = GaussianMixture(2, random_state=0)
    for i in range(40):
        model.partial_fit(rng.normal(0.0 if i < 25 else 4.0, 1.0, size=(200, 2)))
    ax = plot_stream(model, ax=axes())
    mean, batches = ax.lines
    x, y = batches.get_data()
    np.testing.assert_array_equal(x, model.stream_.seen)
    np.testing.assert_array_equal(y, model.stream_.log_density)
    assert mean.get_ydata()[0] == model.stream_.mean
    assert 4000 < x[y.argmin()] < 6500
    assert y[x < 4000].min() - y.min() > 2.0
    assert ax.get_title() == "8,000 rows seen"
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "rows learned from before",
        "log density per row",
    )
    first, second = legend_texts(ax)
    assert first == "batches"
    assert second.startswith(f"mean of the last rows: {model.stream_.mean:.3g} ± ")


def test_what_has_no_stream_is_refused():
    model = GaussianMixture(2, random_state=0)
    with pytest.raises(AttributeError, match="has seen no stream"):
        plot_stream(model, ax=axes())
    model.partial_fit(np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"^There is nothing to draw yet: 3 rows have come"):
        plot_stream(model, ax=axes())
