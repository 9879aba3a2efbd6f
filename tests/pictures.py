"""What tests of pictures draw on, and what they look for in what is drawn."""

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle

from fastgmm import GaussianMixture


def simple(n_components=2, n_features=2):
    """Return a fitted model without any random number."""
    means = np.arange(n_components)[:, None] * np.full(n_features, 10.0)
    covariances = np.tile(np.eye(n_features), (n_components, 1, 1))
    weights = np.arange(1, n_components + 1) / np.arange(1, n_components + 1).sum()
    return GaussianMixture.from_parameters(weights, means, covariances)


def axes():
    return Figure().add_subplot()


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def ellipses(ax):
    return [patch for patch in ax.patches if isinstance(patch, Ellipse)]


def bars(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def points(ax):
    (collection,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    return collection
