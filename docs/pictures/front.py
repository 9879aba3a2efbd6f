"""Draw the picture of the README: python docs/pictures/front.py [PICTURE]."""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import fastgmm

HERE = Path(__file__).resolve().parent
ROWS = HERE.parents[1] / "data" / "faithful.csv"


def draw_fit(ax) -> None:
    """Draw two components over the eruptions of the geyser."""
    rows = np.loadtxt(ROWS, delimiter=",", skiprows=1)
    model = fastgmm.GaussianMixture(2, random_state=0).fit(rows)
    fastgmm.plot.plot_mixture(model, rows, ax=ax, legend=False)
    ax.set(title="a fit", xlabel="length of the eruption (minutes)")
    ax.set_ylabel("time until the next (minutes)")


def draw_stream(ax) -> None:
    """Draw how the mean of a component follows a cluster that moves."""
    rng = np.random.default_rng(0)
    stream = fastgmm.GaussianMixture(2, half_life=700, random_state=0)
    places, learned = [], []
    for batch in range(300):
        place = 3.0 + 3.0 * np.sin(batch / 40)
        moving = rng.integers(2, size=(100, 1))
        rows = rng.normal(size=(100, 2)) * 0.6 + moving * [8.0, place]
        stream = stream.partial_fit(rows)
        if stream.is_fitted:
            places.append((batch, place))
            learned.append((batch, stream.means_[stream.means_[:, 0].argmax(), 1]))
    ax.plot(*np.transpose(places), color="#777777", linestyle="--", label="the cluster")
    ax.plot(*np.transpose(learned), color="#0072B2", label="its mean in the model")
    ax.set(title="a stream", xlabel="batch of 100 rows", ylabel="second feature")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)


def main(picture: str = str(HERE / "front.png")) -> None:
    """Draw both halves."""
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_fit(left)
    draw_stream(right)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:2])
