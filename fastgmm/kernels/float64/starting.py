"""The kernels that make starts, in plain NumPy: trees, cuts, merges and labelled rows."""

import math

import numpy as np

from fastgmm.kernels.reference import estimate, factorize

LEAST_VARIANCE = 1e-6
LEAST_SHARE, TRACE_SHARE = 1e-9, 1e-13


def ward(points: np.ndarray, weight: np.ndarray, merged: np.ndarray, heights: np.ndarray) -> None:
    """All merges of Ward's method, the cheapest pair of all clusters first."""
    centers, sizes, left = points.copy(), weight.copy(), np.arange(len(points))
    for step in range(len(points) - 1):
        squares = ((centers[left, None] - centers[left]) ** 2).sum(axis=2)
        costs = squares * sizes[left, None] * (sizes[left] / (sizes[left, None] + sizes[left]))
        costs[np.tril_indices(len(left))] = math.inf
        i, j = divmod(int(costs.argmin()), len(left))
        one, other = merged[step] = left[i], left[j]
        heights[step] = costs[i, j]
        both = sizes[one] + sizes[other]
        centers[one] += sizes[other] / both * (centers[other] - centers[one])
        sizes[one], left = both, np.delete(left, j)


class Space:
    """The coordinates of a tree, made of its rows or of the arrays that `grow` has written."""

    def __init__(
        self, units: str, center: np.ndarray, scale: np.ndarray, turn: np.ndarray, n_points: int
    ) -> None:
        self.units, self.center, self.scale = units, center, scale
        d = len(center)
        self.inverse = turn.reshape(d, d) if units == "white" else np.eye(d)
        if units == "ranks":
            self.columns = turn[: d * n_points].reshape(d, n_points)
            self.shares = turn[d * n_points :].reshape(d, n_points + 1)

    def of(self, rows: np.ndarray) -> np.ndarray:
        """(n, D): the coordinates of rows (n, D)."""
        if self.units != "ranks":
            turned: np.ndarray = ((rows - self.center) / self.scale) @ self.inverse.T
            return turned
        ranks = np.empty(rows.shape)
        for j, (column, below) in enumerate(zip(self.columns, self.shares, strict=True)):
            ends = (below[np.searchsorted(column, rows[:, j], side)] for side in ("left", "right"))
            ranks[:, j] = sum(ends) / 2.0
        return ranks


def grow(
    units: str,
    one_scale: bool,
    rows: np.ndarray,
    weight: np.ndarray,
    center: np.ndarray,
    scale: np.ndarray,
    turn: np.ndarray,
    merged: np.ndarray,
    heights: np.ndarray,
) -> int:
    """Ward's tree of rows in coordinates that are made of them; returns how many columns vary.

    Returns -1, and makes no tree, where sums or squares of the rows overflow.
    """
    n, d = rows.shape
    with np.errstate(over="ignore", invalid="ignore"):
        sums, squares = weight @ rows, weight.sum() * np.ptp(rows, axis=0) ** 2
    if not (np.isfinite(sums).all() and np.isfinite(squares).all()):
        return -1
    center[:] = np.average(rows, axis=0, weights=weight)
    deviations = np.sqrt(np.average((rows - center) ** 2, axis=0, weights=weight))
    deviations[deviations <= 64 * np.finfo(float).eps * np.abs(rows).max(axis=0)] = 0.0
    common = np.sqrt((deviations**2).mean()) or 1.0
    scale[:] = np.where(deviations > 0, deviations, deviations.max() or 1.0)
    if one_scale:
        scale[:] = common
    elif units == "between":
        scale[:] = np.sqrt(scale * common)
    if units == "white":
        scaled = (rows - center) / scale
        covariance = (scaled * weight[:, None]).T @ scaled / weight.sum()
        ridge = LEAST_VARIANCE * max(float(np.trace(covariance)) / d, LEAST_VARIANCE)
        factor = np.linalg.cholesky(covariance + ridge * np.eye(d))
        turn[:] = np.linalg.inv(factor).ravel()
    if units == "ranks":
        order = np.argsort(rows, axis=0, kind="stable").T
        shares = np.cumsum(weight[order], axis=1)
        below = np.concatenate([np.zeros((d, 1)), shares / shares[:, -1:]], axis=1)
        ordered = np.take_along_axis(rows.T, order, axis=1)
        turn[:] = np.concatenate([ordered.ravel(), below.ravel()])
    ward(Space(units, center, scale, turn, n).of(rows), weight, merged, heights)
    return int(np.count_nonzero(deviations))


def cut(merged: np.ndarray, n_clusters: int, labels: np.ndarray) -> None:
    """Labels (n,) = those of the points when so many clusters are left."""
    n = len(labels)
    owner = np.arange(n)
    for one, other in merged[: n - n_clusters]:
        owner[owner == other] = one
    labels[:] = np.unique(owner, return_inverse=True)[1]


def assign_to_cut(
    units: str,
    center: np.ndarray,
    scale: np.ndarray,
    turn: np.ndarray,
    own: np.ndarray,
    own_weight: np.ndarray,
    merged: np.ndarray,
    centers: np.ndarray,
    held: np.ndarray,
    rows: np.ndarray,
    labels: np.ndarray,
) -> int:
    """Rows given to the clusters of a tree; returns how many clusters have got one."""
    k, space = len(centers), Space(units, center, scale, turn, len(own))
    own_labels = np.empty(len(own), np.int64)
    cut(merged, k, own_labels)
    for one in range(k):
        mine = own_labels == one
        first = own[mine][0]  # a rank changes with the last bit: the mean of one row is that row
        centers[one] = first + np.average(own[mine] - first, axis=0, weights=own_weight[mine])
        held[one] = own_weight[mine].sum()
    off = space.of(rows)[:, None] - space.of(centers)
    labels[:] = (off**2).sum(axis=2).argmin(axis=1)
    return len(np.unique(labels))


def merge_by_likelihood(
    form: str,
    rows: np.ndarray,
    weight: np.ndarray,
    center: np.ndarray,
    scale: np.ndarray,
    labels: np.ndarray,
    merged: np.ndarray,
) -> None:
    """The pairs of clusters that are merged in turn, all pairs tried each time."""
    points, d = (rows - center) / scale, rows.shape[1]
    members = {k: np.flatnonzero(labels == k) for k in range(len(merged) + 1)}

    def scatter(of: np.ndarray) -> np.ndarray:
        off = points[of] - np.average(points[of], axis=0, weights=weight[of])
        total: np.ndarray = (weight[of, None] * off).T @ off
        return total

    pooled = sum(scatter(of) for of in members.values()) / weight.sum()
    variances = np.diagonal(scatter(np.arange(len(points)))) / weight.sum()
    floor = max(LEAST_SHARE * float(variances.mean()), float(np.finfo(float).tiny))
    pseudo = 1.0 + np.count_nonzero(variances > floor)

    def price(of: np.ndarray) -> float:
        held = weight[of].sum()
        shrunk = (scatter(of) + pseudo * pooled) / (held + pseudo)
        raised = max(floor, TRACE_SHARE * float(np.trace(shrunk)))
        if form == "matrix":
            volume = np.linalg.slogdet(shrunk + raised * np.eye(d))[1]
        elif form == "diagonal":
            volume = np.log(np.diagonal(shrunk) + floor).sum()
        else:
            volume = d * np.log(np.trace(shrunk) / d + floor)
        return float(held * (volume - 2.0 * np.log(held)))

    own = {k: price(of) for k, of in members.items()}
    for step in range(len(merged)):
        names = sorted(members)
        _, one, other = min(
            (price(np.concatenate([members[a], members[b]])) - own[a] - own[b], a, b)
            for i, a in enumerate(names)
            for b in names[i + 1 :]
        )
        merged[step] = one, other
        members[one] = np.concatenate([members[one], members.pop(other)])
        own[one] = price(members[one])


def labelled_mixture(
    form: str,
    tied: bool,
    rows: np.ndarray,
    weight: np.ndarray,
    labels: np.ndarray,
    pseudo: float,
    ridge: np.ndarray,
    tolerance: float,
    largest: float,
    held: np.ndarray,
    weights: np.ndarray,
    means: np.ndarray,
    second: np.ndarray,
    covariances: np.ndarray,
    factors: np.ndarray,
    inverses: np.ndarray,
) -> bool:
    """The mixture of labelled rows; False where its covariances are of no use."""
    k, d = means.shape
    moments = np.zeros((k, d, d))
    for one in range(k):
        mine = labels == one
        held[one] = weight[mine].sum()
        if mine.any():
            means[one] = np.average(rows[mine], axis=0, weights=weight[mine])
        off = rows[mine] - means[one]
        moments[one] = (weight[mine, None] * off).T @ off
    weights[:] = held / held.sum()
    if form != "matrix":
        moments = np.diagonal(moments, axis1=1, axis2=2)
    if form == "scalar":
        moments = moments.sum(axis=1)
    if tied:
        second[...] = moments.sum(axis=0)
    else:
        shape = (k,) + (1,) * (moments.ndim - 1)
        pooled = moments.sum(axis=0) / held.sum()
        second[...] = (moments + pseudo * pooled) * (held / (held + pseudo)).reshape(shape)
    out = covariances, factors, inverses
    kind = form, tied, means.shape[1]
    return _of_moments(kind, held, second, (ridge, tolerance, largest), out)


def pooled_mixture(
    form: str,
    tied: bool,
    rows: np.ndarray,
    weight: np.ndarray,
    means: np.ndarray,
    unit: float,
    ridge: np.ndarray,
    tolerance: float,
    largest: float,
    held: np.ndarray,
    weights: np.ndarray,
    second: np.ndarray,
    covariances: np.ndarray,
    factors: np.ndarray,
    inverses: np.ndarray,
) -> bool:
    """The mixture around means, of one covariance; False where it is of no use."""
    k = len(means)
    off = (rows[:, None] - means) / unit
    mine = rows - means[(off**2).sum(axis=2).argmin(axis=1)]
    pooled = (weight[:, None] * mine).T @ mine
    if form != "matrix":
        pooled = np.diagonal(pooled)
    if form == "scalar":
        pooled = pooled.sum()
    second[...] = pooled if tied else pooled / k
    held[:], weights[:] = weight.sum() / k, 1.0 / k
    out = covariances, factors, inverses
    kind = form, tied, means.shape[1]
    return _of_moments(kind, held, second, (ridge, tolerance, largest), out)


def _of_moments(
    kind: tuple[str, bool, int],
    held: np.ndarray,
    second: np.ndarray,
    limits: tuple[np.ndarray, float, float],
    out: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> bool:
    """What an M-step makes of second moments about the means; False where it is of no use."""
    (form, tied, d), k = kind, len(held)
    ridge, tolerance, largest = limits
    covariances, factors, inverses = out
    divisor = np.atleast_1d(held.sum()) if tied else np.maximum(held, np.finfo(float).tiny)
    if form == "scalar":
        divisor = divisor * d
    estimate(
        form, tied, np.zeros((k, d)), second, np.maximum(held, 1e-300), divisor, ridge, covariances
    )
    n = 1 if tied else k
    if factorize(form, n, d, covariances, factors, inverses, tolerance) >= 0:
        return False
    within = np.abs(covariances) <= largest
    return bool(within.all() and (inverses**2 <= largest).all())
