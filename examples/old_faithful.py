"""Two kinds of eruption: fit a mixture to the Old Faithful data, print it and draw it.

Run ``python examples/old_faithful.py [PICTURE]``; the picture is ``old_faithful.png`` unless named.
It needs matplotlib: ``pip install 'fastgmm[plot]'``.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fastgmm import GaussianMixture
from fastgmm.plot import plot_log_likelihood, plot_mixture

DATA = Path(__file__).parent.parent / "data" / "faithful.csv"


def main(picture: str = "old_faithful.png") -> None:
    """Fit, print and draw."""
    rows = np.loadtxt(DATA, delimiter=",", skiprows=1)
    model = GaussianMixture(n_components=2, random_state=0).fit(rows)

    sizes = np.bincount(model.predict(rows))
    for component in np.argsort(model.means_[:, 0]):
        length, waiting = model.means_[component]
        print(
            f"{sizes[component]} eruptions ({model.weights_[component]:.1%} of the mixture) last "
            f"{length:.2f} minutes on average; the next one comes {waiting:.1f} minutes later."
        )
    print(f"Log-likelihood per row: {model.score(rows):.4f}, after {model.n_iter_} iterations.")

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    plot_mixture(model, rows, ax=left)
    left.set_xlabel("length of the eruption (minutes)")
    left.set_ylabel("time until the next (minutes)")
    plot_log_likelihood(model, ax=right)
    figure.savefig(picture, dpi=120)
    print(f"The picture is in {picture}.")


if __name__ == "__main__":
    main(*sys.argv[1:2])
