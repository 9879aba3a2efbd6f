"""What is compared: the rows of the tables, and how much faster than whom fastgmm is to be."""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["iteration", "default fit", "score", "one row"]

MAIN_PEERS = ("scikit-learn", "oneDAL")
"""Those that bars are set against, and that take part in the comparison of numbers of threads."""
MEMORY_BAR = 16.0
"""Megabytes above the data that fastgmm may take, in any case."""


@dataclass(frozen=True)
class Case:
    """One row of a table.

    Parameters
    ----------
    kind : str
        "iteration": seconds per EM iteration from a given start; "default fit": seconds from raw
        rows to convergence; "score": seconds for all rows; "one row": seconds per call.
    recipe : str
        Of `benchmarks.common`.
    n_rows : int
    dtype : str
    bars : dict
        Peer -> the ratio of its time to fastgmm's that is to be reached; "one thread" -> the gain
        of the last of `threads` over the first.
    iterations : tuple of int
        Two numbers of iterations; the difference of the two times holds no set-up.
    threads : tuple of int
        Empty: as many as `--threads` says.
    method : str
        "score" and "one row": what is called.
    """

    kind: Kind
    recipe: str
    n_rows: int
    bars: dict[str, float] = field(default_factory=dict)
    dtype: str = "float64"
    iterations: tuple[int, int] = (3, 13)
    threads: tuple[int, ...] = ()
    method: str = "score_samples"


def _one_row(method: str) -> Case:
    return Case("one row", "full-16-16", 1, {"scikit-learn": 60}, method=method)


CASES: dict[str, Case] = {
    "full-16-16": Case("iteration", "full-16-16", 200_000, {"scikit-learn": 14, "oneDAL": 3}),
    "full-64-32": Case("iteration", "full-64-32", 50_000, {"scikit-learn": 5, "oneDAL": 3}),
    "full-128-16": Case("iteration", "full-128-16", 20_000, {"scikit-learn": 3.2, "oneDAL": 3}),
    # separated clusters converge to the last bit, after 10 and 4 iterations, where oneDAL stops
    "full-128-16-separated": Case(
        "iteration",
        "full-128-16-separated",
        20_000,
        {"scikit-learn": 4.8, "oneDAL": 3},
        iterations=(3, 9),
    ),
    "full-2-8": Case("iteration", "full-2-8", 1_000_000, {"scikit-learn": 40, "oneDAL": 3}),
    "full-8-10": Case("iteration", "full-8-10", 200_000, {"scikit-learn": 18}),
    "full-16-16-float32": Case(
        "iteration", "full-16-16", 200_000, {"scikit-learn": 12, "oneDAL": 3}, "float32"
    ),
    "diag-32-64": Case("iteration", "diag-32-64", 500_000, {"scikit-learn": 5, "oneDAL": 2.5}),
    "diag-32-64-float32": Case(
        "iteration", "diag-32-64", 500_000, {"scikit-learn": 5.5, "oneDAL": 2.8}, "float32"
    ),
    "tied-16-16": Case("iteration", "tied-16-16", 200_000, {"scikit-learn": 18}),
    "spherical-16-16": Case("iteration", "spherical-16-16", 200_000, {"scikit-learn": 7}),
    "full-64-32-separated": Case(
        "iteration", "full-64-32-separated", 50_000, {"scikit-learn": 12}, iterations=(1, 3)
    ),
    "default-fit": Case("default fit", "clusters-8-10", 100_000, {"scikit-learn": 8}),
    "score-million": Case("score", "full-16-16", 1_000_000, {"scikit-learn": 15}),
    "one-row-score": _one_row("score_samples"),
    "one-row-predict": _one_row("predict"),
    "one-row-proba": _one_row("predict_proba"),
    "threads-full-16-16": Case(
        "iteration", "full-16-16", 200_000, {"one thread": 1.85}, threads=(1, 2)
    ),
    "threads-full-64-32": Case(
        "iteration", "full-64-32", 50_000, {"one thread": 1.85}, threads=(1, 2)
    ),
    "threads-score-million": Case(
        "score", "full-16-16", 1_000_000, {"one thread": 1.85}, threads=(1, 2)
    ),
}
