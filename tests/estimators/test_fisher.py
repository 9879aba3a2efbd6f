"""Groups of rows for Fisher vectors: what is one group, and what is many."""

from typing import Any

import numpy as np
import pytest

from fastgmm.estimators.fisher import groups_of, vectors_of
from support import known_model


def taken(table: Any) -> tuple[np.ndarray, bool]:
    rows = np.asarray(table, dtype=np.float64)
    assert rows.ndim == 2
    return rows, False


def test_what_is_one_group(rng: np.random.Generator) -> None:
    model, rows = known_model("full", rng)
    mixture = model._state.mixture
    statistics = model.e_step(rows)
    frame = pytest.importorskip("pandas").DataFrame(rows)
    for one in (rows, rows.tolist(), statistics, frame):
        assert len(list(groups_of(one, None, mixture, taken))) == 1
    for two in (
        [rows, rows],
        (rows.tolist(), rows.tolist()),
        np.stack([rows, rows]),
        [statistics, statistics],
        [frame, frame],
        (rows for _ in range(2)),
    ):
        assert len(list(groups_of(two, None, mixture, taken))) == 2
    assert [g.rows.shape for g in groups_of(rows, [0, 1] * 30, mixture, taken)] == [(30, 4)] * 2


def test_sizes_and_dtypes(rng: np.random.Generator) -> None:
    model, rows = known_model("diag", rng)
    mixture, single = model._state.mixture, rows.astype(np.float32)

    def as_it_is(table: Any) -> tuple[np.ndarray, bool]:
        return table, False

    def vectors(*groups: Any) -> np.ndarray:
        return vectors_of(
            mixture, groups_of(list(groups), None, mixture, as_it_is), ("means",), False, 1
        )

    assert vectors(single, single).dtype == np.float32
    assert vectors(single, rows).dtype == np.float64
    assert vectors(model.e_step(single)).dtype == np.float32
    assert vectors(rows, rows, rows).shape == (3, 12)
