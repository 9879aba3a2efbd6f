"""The same rows sorted by cluster, sorted by a column, shuffled, and in sorted blocks.

    python tests/fits/orders.py         # forty mixtures; lists what a stream loses against `fit`

In whatever order they come, in one call or in calls of 256, a stream must end within 0.1 nats per
row of `fit`.
"""

import sys
import warnings

import numpy as np

from fastgmm import GaussianMixture

ALLOWED = 0.1
"""A stream may end this much below `fit`, in nats per row."""
ORDERS = ("cluster", "column", "shuffled", "blocks")


def mixture_rows(index: int, most: int = 20_000) -> tuple[int, np.ndarray, np.ndarray]:
    """The number of components, the rows and their labels of one mixture, clear or overlapping."""
    rng = np.random.default_rng([77, index])
    k, d, n = int(rng.integers(2, 11)), int(rng.integers(1, 9)), int(rng.integers(3000, most + 1))
    means = rng.normal(size=(k, d)) * (1.0, 2.0, 4.0, 10.0)[index % 4]
    roots = np.eye(d) + 0.4 * rng.normal(size=(k, d, d)) / np.sqrt(d)
    scales = rng.uniform(0.5, 1.5, size=k)
    labels = rng.choice(k, p=rng.dirichlet(np.full(k, 5.0)), size=n)
    noise = np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d)))
    return k, means[labels] + scales[labels, None] * noise, labels


def ordered(rows: np.ndarray, labels: np.ndarray, order: str) -> np.ndarray:
    """The rows in this order."""
    rng = np.random.default_rng(len(rows))
    by_column = np.argsort(rows[:, 0])
    blocks = np.array_split(by_column, 20)
    rng.shuffle(blocks)
    found = {
        "cluster": np.argsort(labels, kind="stable"),
        "column": by_column,
        "shuffled": rng.permutation(len(rows)),
        "blocks": np.concatenate(blocks),
    }
    return rows[found[order]]


def losses(index: int, order: str, most: int = 20_000) -> tuple[float, float]:
    """What a stream loses against `fit`, in nats per row: in one call, and in calls of 256."""
    k, rows, labels = mixture_rows(index, most)
    given = ordered(rows, labels, order)
    whole = GaussianMixture(k, random_state=0).fit(rows).score(rows)
    at_once = GaussianMixture(k, random_state=0).partial_fit(given)
    by_parts = GaussianMixture(k, random_state=0)
    for begin in range(0, len(given), 256):
        by_parts.partial_fit(given[begin : begin + 256])
    return whole - at_once.score(rows), whole - by_parts.score(rows)


def main() -> None:
    """Print the losses of forty mixtures, or of as many as the command line says."""
    warnings.simplefilter("ignore")
    n, n_bad = int(sys.argv[1]) if len(sys.argv) > 1 else 40, 0
    for index in range(n):
        for order in ORDERS:
            found = losses(index, order)
            n_bad += max(found) > ALLOWED
            mark = "  <-- too much" if max(found) > ALLOWED else ""
            print(f"{index:3} {order:9} {found[0]:7.3f} {found[1]:7.3f}{mark}", flush=True)
    print(f"{n} mixtures, {n_bad} orders that lose too much")


if __name__ == "__main__":
    main()
