"""An extension of a user's, as docs/cython.md has it, scores rows by `cimport fastgmm`."""

import importlib.util
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastgmm
from support import COVARIANCE_TYPES, correlated_mixture

PAGE = Path(__file__).parent.parent.parent / "docs" / "cython.md"
MORE = '''

def all_scores(scorer, const double[:, ::1] rows):
    """What the four functions say of rows, all at once."""
    import numpy as np
    cdef const fastgmm.fastgmm_scorer *table = fastgmm.scorer_of(scorer)
    cdef Py_ssize_t n = rows.shape[0]
    cdef double[::1] density = np.empty(n)
    cdef double[:, ::1] components = np.empty((n, table.n_components))
    cdef double[:, ::1] odds = np.empty((n, table.n_components))
    labels = np.empty(n, np.int64)
    cdef long long[::1] found = labels
    with nogil:
        table.log_density(table, &rows[0, 0], n, &density[0])
        table.component_log_density(table, &rows[0, 0], n, &components[0, 0])
        table.responsibilities(table, &rows[0, 0], n, &odds[0, 0])
        table.labels(table, &rows[0, 0], n, <fastgmm.int64_t *> &found[0])
    return np.asarray(density), np.asarray(components), np.asarray(odds), labels


def facts(scorer):
    """Version, size of a number, components and features of a scorer."""
    cdef const fastgmm.fastgmm_scorer *table = fastgmm.scorer_of(scorer)
    return table.version, table.item_size, table.n_components, table.n_features
'''


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page's own module, and functions that the page has no room for."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("extension")
    source, setup = (
        re.search(rf"```(?:cython|text)\n# {name}\n(.*?)```", PAGE.read_text(), re.S)
        for name in ("score.pyx", "setup.py")
    )
    assert source is not None
    assert setup is not None
    (folder / "score.pyx").write_text(source[1] + MORE)
    (folder / "setup.py").write_text(setup[1])
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if "error: command" in done.stderr and "No such file" in done.stderr:
        pytest.skip("there is no C compiler")
    assert done.returncode == 0, done.stderr
    (path,) = [one for one in folder.glob("score*") if one.suffix in (".so", ".pyd")]
    described = importlib.util.spec_from_file_location("score", path)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def model_of(kind: str, rng: np.random.Generator) -> fastgmm.GaussianMixture:
    truth = correlated_mixture(4, 3, rng)
    covariances = truth.covariances_as(kind)
    return fastgmm.GaussianMixture.from_parameters(
        truth.weights, truth.means, covariances, covariance_type=kind
    )


@pytest.mark.parametrize("n", [1, 5, 3000])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_scores_are_those_of_the_model(
    kind: str, n: int, extension: Any, rng: np.random.Generator
) -> None:
    model, rows = model_of(kind, rng), rng.normal(size=(n, 3)) * 3
    scorer = model.snapshot().scorer()
    assert extension.facts(scorer) == (1, 8, 4, 3)
    density, components, odds, labels = extension.all_scores(scorer, rows)
    np.testing.assert_array_equal(density, model.score_samples(rows))
    np.testing.assert_array_equal(components, model.component_log_density(rows))
    np.testing.assert_array_equal(odds, model.predict_proba(rows))
    np.testing.assert_array_equal(labels, model.predict(rows))
    total = extension.sum_of_log_densities(scorer, rows)
    assert total == pytest.approx(model.score_samples(rows).sum(), rel=1e-10)


def test_threads_with_a_scorer_each(extension: Any) -> None:
    rng = np.random.default_rng(0)
    model, rows = model_of("full", rng), rng.normal(size=(20_000, 3))
    expected = model.score_samples(rows)
    found: list[np.ndarray] = [np.empty(0)] * 4

    def work(i: int) -> None:
        found[i] = extension.all_scores(model.snapshot().scorer(), rows)[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_what_is_no_scorer_is_refused(extension: Any) -> None:
    rows = np.zeros((2, 3))
    model = model_of("full", np.random.default_rng(1))
    with pytest.raises(AttributeError, match="capsule"):
        extension.facts(model)
    single = model.snapshot().scorer(np.float32)
    assert extension.facts(single)[1] == 4
    with pytest.raises(ValueError, match="of other rows"):
        extension.sum_of_log_densities(single, rows)
    with pytest.raises(ValueError, match="dtype must be float64 or float32"):
        model.snapshot().scorer(np.int32)


def test_a_capsule_keeps_its_table_alive(extension: Any) -> None:
    class Kept:
        def __init__(self, capsule: Any) -> None:
            self.capsule = capsule

    rng = np.random.default_rng(2)
    rows = rng.normal(size=(10, 3))
    kept, expected = [], []
    for _ in range(50):
        model = model_of("full", rng)
        kept.append(Kept(model.snapshot().scorer().capsule))
        expected.append(model.score_samples(rows))
        del model
    for one, densities in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(extension.all_scores(one, rows)[0], densities)
