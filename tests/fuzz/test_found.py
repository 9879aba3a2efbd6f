"""What fuzzing has found in calls, each told by an example that a reader can follow."""

import io
from itertools import count, repeat

import numpy as np
import pytest
from model_files import File

from fastgmm import BayesianGaussianMixture, GaussianMixture, SufficientStatistics, load
from fastgmm.errors import DataRangeError, FileFormatError

ROWS = np.random.default_rng(0).normal(size=(60, 3)) + np.repeat([[0.0], [5.0]], 30, axis=0)


@pytest.mark.parametrize("scale", [1e-310, 5e-324])
def test_subnormal_rows_are_fitted(scale: float) -> None:
    """Ward's tree had no unit for them, and overran its memory."""
    model = GaussianMixture(2, random_state=0).fit(np.round(ROWS * 9.0) * scale)
    assert np.isfinite(model.means_).all()


def test_adapt_refuses_rows_that_the_dtype_of_the_model_cannot_hold() -> None:
    model = GaussianMixture(2, random_state=0).fit(ROWS.astype(np.float32))
    with pytest.raises(DataRangeError, match="means of these rows overflow float32"):
        model.adapt(np.full((5, 3), 1e100))
    assert np.isfinite(model.adapt(ROWS * 1e3).means_).all()


def test_statistics_and_priors_are_real_numbers() -> None:
    """NumPy drops imaginary parts with a warning."""
    of = GaussianMixture(2, random_state=0).fit(ROWS).e_step(ROWS)
    arrays = [of.reference, of.component_weight, of.first_moment, of.second_moment]
    for i, array in enumerate(arrays):
        given = [*arrays[:i], array + 1j, *arrays[i + 1 :]]
        with pytest.raises(TypeError, match="must be numbers"):
            SufficientStatistics("full", *given, 60, 60.0, 0.0)
    for name, prior in (("mean_prior", np.ones(3)), ("covariance_prior", np.eye(3))):
        with pytest.raises(TypeError, match="must be numbers"):
            BayesianGaussianMixture(**{name: prior + 0j}).fit(ROWS)


def test_a_prior_that_lies_is_refused_with_a_sentence() -> None:
    class Lying:
        def __array__(self, dtype: object = None, copy: object = None) -> object:
            return "text"

    with pytest.raises(TypeError, match="must be numbers, got <"):
        BayesianGaussianMixture(mean_prior=Lying()).fit(ROWS)


def test_an_empty_table_may_lie_anywhere() -> None:
    model = GaussianMixture(2, random_state=0).partial_fit(np.tile(ROWS, (20, 1)))
    means = model.means_.copy()
    records = np.zeros((0, 3), [("a", "i1"), ("x", "f8")])
    np.testing.assert_array_equal(model.partial_fit(records["x"]).means_, means)


def test_a_table_of_objects_is_one_group() -> None:
    model = GaussianMixture(2, random_state=0).fit(ROWS)
    np.testing.assert_array_equal(
        model.fisher_vectors(ROWS.astype(object)), model.fisher_vectors(ROWS)
    )
    groups = np.empty(2, dtype=object)
    groups[:] = [ROWS[:30], ROWS[30:]]
    assert len(model.fisher_vectors(groups)) == 2


def test_single_parameters_in_any_order_of_bytes_make_a_single_model() -> None:
    model = GaussianMixture(2, random_state=0).fit(ROWS.astype(np.float32))
    parts = (model.weights_, model.means_, model.covariances_)
    swapped = [part.astype(part.dtype.newbyteorder()) for part in parts]
    assert GaussianMixture.from_parameters(*swapped).means_.dtype == np.float32


def test_single_files_hold_single_numbers(tmp_path) -> None:
    """Variances of 1e-100 were shown as zero."""
    path = tmp_path / "m.gmm"
    model = GaussianMixture(1, covariance_type="diag", random_state=0).fit(ROWS.astype(np.float32))
    model.save(path)
    file = File.of(path.read_bytes())
    body, at = bytearray(file.body), 0
    powers = {"covariances": 1e-100, "factors": 1e-50, "inverse_factors": 1e50}
    for name, dtype, shape in file.header["arrays"]:
        array = np.frombuffer(body, dtype, int(np.prod(shape)), at)
        array[:] = powers.get(name.rpartition("/")[2], 0.0) or array
        at += array.nbytes
    path.write_bytes(file._replace(body=bytes(body)).content())
    with pytest.raises(FileFormatError, match="overflow float32"):
        load(path)


def test_frozen_parts_of_endless_components_are_refused(tmp_path) -> None:
    """Flags for 2^53 components were asked for, 8 PB of a file of 2 KB."""
    path = tmp_path / "m.gmm"
    start = {"weights_init": [0.5, 0.5], "means_init": ROWS[::30]}
    model = GaussianMixture(2, frozen=("means",), random_state=0, **start)
    model.partial_fit(ROWS).save(path)
    file = File.of(path.read_bytes())
    file.header["facts"]["params"]["n_components"] = 2**53
    path.write_bytes(file.content())
    with pytest.raises(FileFormatError, match="should have the shape"):
        load(path)


@pytest.mark.parametrize(
    ("made", "name"),
    [(BayesianGaussianMixture, "covariance_prior"), (GaussianMixture, "means_init")],
)
def test_parameters_that_are_no_arrays_are_neither_saved_nor_loaded(made, name, tmp_path) -> None:
    """Those of a file were taken, and their model could not be saved: "could not convert"."""
    path = tmp_path / "m.gmm"
    model = made(n_components=2, random_state=0).fit(ROWS)
    model.save(path)
    content = path.read_bytes()
    with pytest.raises(TypeError, match=f"{name} must be numbers, got .*'a'"):
        model.set_params(**{name: ["a", "a"]}).save(path)
    assert path.read_bytes() == content
    file = File.of(content)
    file.header["facts"]["params"][name] = ["a", "a"]
    path.write_bytes(file.content())
    with pytest.raises(FileFormatError, match=f"its {name} is no array"):
        getattr(made, "load", load)(path)


def test_components_that_hold_endless_rows_are_refused(tmp_path) -> None:
    """Their sum overflowed, and each density was NaN."""
    path = tmp_path / "m.gmm"
    BayesianGaussianMixture(n_components=2, random_state=0).fit(ROWS).save(path)
    file = File.of(path.read_bytes())
    body, at = bytearray(file.body), 0
    for name, dtype, shape in file.header["arrays"]:
        array = np.frombuffer(body, dtype, int(np.prod(shape)), at)
        if name == "posterior/held":
            array[:] = 1e308
        at += array.nbytes
    path.write_bytes(file._replace(body=bytes(body)).content())
    with pytest.raises(FileFormatError, match="rows of a weight below 1e\\+300"):
        BayesianGaussianMixture.load(path)


def test_views_of_memory_are_no_lists_of_columns() -> None:
    """Python raises NotImplementedError where one walks over a view of two dimensions."""
    model = GaussianMixture(2, random_state=0).fit(ROWS)
    with pytest.raises(TypeError, match=r"names or numbers of features, .* got <memory"):
        model.marginal(memoryview(np.array([[0, 1]])))
    with pytest.raises(TypeError, match=r"names or numbers of features, .* got <memory"):
        model.marginal(memoryview(np.array([0, 1], dtype=">f2")))
    assert model.marginal(memoryview(np.array([0, 1], dtype=np.uint8))).means_.shape == (2, 2)


def test_a_choice_of_columns_without_an_end_is_refused() -> None:
    """An object whose items never end was read for ever."""
    model = GaussianMixture(2, random_state=0).fit(ROWS)
    with pytest.raises(ValueError, match="has no column number"):
        model.marginal(count())
    with pytest.raises(ValueError, match=r"Column 0 of .* is chosen twice"):
        model.marginal(repeat(0))
    with pytest.raises(TypeError, match="names or numbers of features"):
        model.marginal(repeat(0.5))


def test_bytes_of_an_array_are_no_file() -> None:
    content = io.BytesIO()
    np.save(content, ROWS)
    with pytest.raises(FileFormatError, match="does not begin with"):
        SufficientStatistics.from_bytes(content.getvalue())
