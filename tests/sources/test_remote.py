"""Files behind URLs, which are read as those of this machine are.

Those of a bucket need `pip install s3fs "moto[server]"`.
"""

import gzip
import io

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.sources import batches, read_table
from source_support import NAMES, csv_text, refused, write

fsspec = pytest.importorskip("fsspec")
ROWS = np.random.default_rng(0).normal(size=(300, 4)) @ np.tri(4)
KINDS = ("csv", "tsv", "npy", "parquet", "arrow", "arrows", "feather")


@pytest.fixture
def store():
    """The file system of fsspec in memory, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def put(store, folder, kind, rows=ROWS, name="rows"):
    store.pipe(f"/{name}.{kind}", write(folder, kind, rows).read_bytes())
    return f"memory://{name}.{kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file(store, tmp_path, kind):
    url = put(store, tmp_path, kind)
    read = batches(url, batch_rows=70, columns=[2, 0])
    assert read.columns == (None if kind == "npy" else ("c", "a"))
    for _ in range(2):
        found = list(read)
        assert [len(rows) for rows in found] == [70] * 4 + [20]
        np.testing.assert_array_equal(np.concatenate(found), ROWS[:, [2, 0]])
    np.testing.assert_array_equal(read_table(url).rows, ROWS)


def test_several_files_and_compressed_ones(store, tmp_path):
    store.pipe("/b.csv.gz", gzip.compress(csv_text(ROWS).encode()))
    urls = [put(store, tmp_path, "parquet"), "memory://b.csv.gz", write(tmp_path, "csv", ROWS)]
    read = batches(urls, batch_rows=200)
    assert read.columns == NAMES
    np.testing.assert_array_equal(np.concatenate(list(read)), np.tile(ROWS, (3, 1)))
    assert read.files == (urls[2],)
    model = GaussianMixture(1).fit_batches(read)
    assert model.feature_names_in_.tolist() == list(NAMES)


def test_partitions_behind_urls(store, tmp_path):
    for year in (1, 2):
        put(store, tmp_path, "parquet", ROWS[:5], f"t/year={year}/x")
    found = np.concatenate(list(batches("memory://t", columns=["year"])))
    assert found[:, 0].tolist() == [1] * 5 + [2] * 5


def test_integers_of_one_dimension(store):
    file = io.BytesIO()
    np.save(file, np.arange(5))
    store.pipe("/x.npy", file.getvalue())
    assert np.concatenate(list(batches("memory://x.npy"))).tolist() == [[0], [1], [2], [3], [4]]


def test_errors_name_the_url(store, tmp_path):
    store.pipe("/x.csv", b"a,b\n1,x\n")
    with pytest.raises(
        ValueError, match=r"^memory://x\.csv, line 2, column 'b': 'x' is not a numb"
    ):
        list(batches("memory://x.csv"))
    for kind, words in (
        ("parquet", "is not a whole Parquet file"),
        ("npy", "is not a whole .npy file of numbers; write it with numpy.save"),
        ("arrow", "is not an Arrow stream"),
    ):
        store.pipe(f"/x.{kind}", b"nonsense")
        with pytest.raises(ValueError, match=f"^memory://x.{kind} {words}"):
            batches(f"memory://x.{kind}")
    store.pipe("/y.csv", write(tmp_path, "parquet", ROWS).read_bytes())
    refused("memory://y.csv does not hold text but Parquet; pass format='parquet'.",
            "memory://y.csv")  # fmt: skip
    store.pipe("/x.npz", b"PK")
    refused("memory://x.npz is an archive: copy it to this machine, or save it as .npy.",
            "memory://x.npz")  # fmt: skip


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((3, 2), complex), "holds values of type complex128, not integers or floats."),
        (np.ones((3, 2, 2)), "has 3 dimensions; rows and columns are 2."),
        (np.asfortranarray(np.ones((3, 2))), "holds its columns one after the other, so that rows "
         "cannot be fetched: save numpy.ascontiguousarray(X), or copy it to this machine."),
    ],
)  # fmt: skip
def test_arrays_that_are_not_right(store, array, words):
    file = io.BytesIO()
    np.save(file, array)
    store.pipe("/x.npy", file.getvalue())
    refused(f"memory://x.npy {words}", "memory://x.npy")


def test_an_array_that_is_cut_off(store, tmp_path):
    whole = write(tmp_path, "npy", ROWS).read_bytes()
    store.pipe("/x.npy", whole[:-8])
    refused("memory://x.npy is cut off, or has become shorter.", "memory://x.npy")


@pytest.fixture(scope="module")
def bucket():
    """The file system of a server on this machine that speaks the protocol of S3.

    It is one for all tests, since s3fs keeps what it is connected with.
    """
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "any")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        yield fsspec.filesystem("s3")
    server.stop()


@pytest.mark.parametrize("kind", ["csv", "npy", "parquet"])
def test_rows_of_a_bucket(bucket, tmp_path, kind):
    bucket.mkdir(name := f"rows-{kind}")
    for i in range(2):
        part = write(tmp_path, kind, ROWS[150 * i :][:150])
        bucket.pipe(f"{name}/f/{i}.{kind}", part.read_bytes())
    for url in (f"s3://{name}/f", f"s3://{name}/f/*.{kind}"):
        read = batches(url, batch_rows=100)
        np.testing.assert_array_equal(np.concatenate(list(read)), ROWS)
    missing = f"s3://{name}/none.csv"
    refused(f"There is no file {missing}.", missing, error=FileNotFoundError)
