"""The kernels of rows with gaps again in plain NumPy, slow and obvious: see `reference`."""

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["PatternRows", "deal_rows", "number_patterns"]


class PatternRows:
    """Rows of many patterns of gaps; the compiled class says what the arguments are."""

    def __init__(
        self, covariance_type: str, tied: bool, n_components: int, n_features: int
    ) -> None:
        self.covariance_type, self.tied = covariance_type, tied
        self.n_components, self.n_features = n_components, n_features

    def expectation(
        self,
        mixture: tuple[np.ndarray, ...],
        table: tuple[Any, ...],
        values: np.ndarray,
        sample_weight: np.ndarray | None,
        responsibilities: np.ndarray | None,
        thresholds: np.ndarray,
        component_weight: np.ndarray,
        first: np.ndarray,
        second: np.ndarray,
        log_density: np.ndarray | None = None,
    ) -> float:
        """Add the sums of rows with gaps, row by row; returns the log-likelihood."""
        reference, total = mixture[5], 0.0
        for row, observed, of_row in self._rows(table, values):
            log_terms, expected, left = self._seen(mixture, observed, of_row)
            density = np.logaddexp.reduce(log_terms)
            r = np.exp(log_terms - density)
            weight = 1.0 if sample_weight is None else float(sample_weight[row])
            if responsibilities is not None:
                r = responsibilities[row].astype(np.float64)
            else:
                total += weight * float(density)
                if log_density is not None:
                    log_density[row] = density
            r = weight * r
            off = expected - reference
            component_weight += r
            first += r[:, None] * off
            squares = r[:, None, None] * (off[:, :, None] * off[:, None, :] + left)
            if self.covariance_type == "tied":
                second += squares.sum(axis=0)
            elif self.covariance_type == "full":
                second += squares
            else:
                diagonals = np.einsum("kii->ki", squares)
                second += diagonals if self.covariance_type == "diag" else diagonals.sum(axis=1)
        return total

    def score(
        self,
        mixture: tuple[np.ndarray, ...],
        table: tuple[Any, ...],
        values: np.ndarray,
        wanted: str,
        out: np.ndarray,
    ) -> None:
        """Scores of rows with gaps, row by row."""
        for row, observed, of_row in self._rows(table, values):
            log_terms, expected, _ = self._seen(mixture, observed, of_row)
            density = np.logaddexp.reduce(log_terms)
            r = np.exp(log_terms - density)
            missing = np.setdiff1d(np.arange(self.n_features), observed)
            if wanted == "log_density":
                out[row] = density
            elif wanted == "responsibilities":
                out[row] = r
            elif wanted == "labels":
                out[row] = log_terms.argmax()
            elif wanted == "component_log_density":
                out[row] = log_terms - mixture[0]
            else:
                out[row, missing] = (r @ expected)[missing]

    def peaks(
        self, mixture: tuple[np.ndarray, ...], table: tuple[Any, ...], out: np.ndarray
    ) -> None:
        """The log density of each component at its mean, in the observed columns of each piece."""
        pieces, columns, observed, covariances = *table[:3], mixture[2]
        for u, (pattern, _, _) in enumerate(pieces):
            o = columns[pattern, : observed[pattern]]
            for c in range(self.n_components):
                s = self._matrix(covariances if self.tied else covariances[c])
                out[u, c] = -0.5 * np.linalg.slogdet(2.0 * np.pi * s[np.ix_(o, o)])[1]

    def _rows(
        self, table: tuple[Any, ...], values: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Each row's number in the call, its observed columns, and what was observed."""
        pieces, columns, observed, rows, begins, first_row, _, first_value, _ = table
        for pattern, begin, end in pieces:
            p = observed[pattern]
            for row in range(begin, end):
                at = begins[pattern] - first_value + p * (row - rows[pattern])
                yield row - first_row, columns[pattern, :p], values[at : at + p].astype(float)

    def _seen(
        self, mixture: tuple[np.ndarray, ...], o: np.ndarray, row: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each component: log weight times density, the expected row, and the covariance left.

        They are (K,), (K, D) and (K, D, D).
        """
        log_weights, means, covariances = mixture[:3]
        k, d = means.shape
        m = np.setdiff1d(np.arange(d), o)
        log_terms, expected, left = log_weights.copy(), np.empty((k, d)), np.zeros((k, d, d))
        for c in range(k):
            s = self._matrix(covariances if self.tied else covariances[c])
            solved = np.linalg.solve(s[np.ix_(o, o)], np.c_[row - means[c, o], s[np.ix_(o, m)]])
            log_terms[c] -= 0.5 * (row - means[c, o]) @ solved[:, 0]
            log_terms[c] -= 0.5 * np.linalg.slogdet(2.0 * np.pi * s[np.ix_(o, o)])[1]
            expected[c, o] = row
            expected[c, m] = means[c, m] + s[np.ix_(m, o)] @ solved[:, 0]
            left[c][np.ix_(m, m)] = s[np.ix_(m, m)] - s[np.ix_(m, o)] @ solved[:, 1:]
        return log_terms, expected, left

    def _matrix(self, covariance: np.ndarray) -> np.ndarray:
        if self.covariance_type in ("full", "tied"):
            return covariance
        return np.diag(np.broadcast_to(covariance, self.n_features))


def number_patterns(
    rows: np.ndarray, words: np.ndarray, numbers: np.ndarray, first: np.ndarray
) -> int:
    """Number the patterns of gaps in the order in which they appear; returns how many there are."""
    words[...] = 0
    known: dict[bytes, int] = {}
    for i, missing in enumerate(np.isnan(rows)):
        for j in np.flatnonzero(missing).tolist():
            words[i, j // 64] |= np.uint64(1 << j % 64)
        if missing.tobytes() not in known:
            first[len(known)] = i
        numbers[i] = known.setdefault(missing.tobytes(), len(known))
    return len(known)


def deal_rows(
    rows: np.ndarray,
    numbers: np.ndarray,
    ranks: np.ndarray,
    columns: np.ndarray,
    observed: np.ndarray,
    begins: np.ndarray,
    value_begins: np.ndarray,
    order: np.ndarray,
    values: np.ndarray,
) -> None:
    """Put the numbers of rows and what was observed of them in the order of the patterns."""
    order[...] = np.argsort(ranks[numbers], kind="stable")
    for place, p in enumerate(observed):
        some = order[begins[place] : begins[place + 1]]
        taken = rows[np.ix_(some, columns[place, :p])]
        values[value_begins[place] : value_begins[place + 1]] = taken.ravel()
