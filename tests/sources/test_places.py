"""Where files lie: URLs are told from paths, and listed."""

import sys

import numpy as np
import pytest

from fastgmm.sources import batches
from fastgmm.sources.places import is_url, remote_files
from source_support import refused


@pytest.fixture
def store():
    """The file system of fsspec in memory, empty."""
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


def test_what_is_a_url():
    for name in ("s3://a/b.csv", "memory://x", "https://x.org/y.csv", "zip://a.csv::s3://b/c.zip",
                 "simplecache::s3://a/b.npy"):  # fmt: skip
        assert is_url(name)
    for name in ("a.csv", "C://a.csv", "c:/a.csv", "/a://b", "a=1/b.csv", 3, None):
        assert not is_url(name)


def test_files_folders_and_patterns(store):
    for name in ("/f/b.csv", "/f/a.csv", "/f/.c.csv", "/f/_d", "/f/other/e.csv", "/f/y=1/z.csv"):
        store.pipe(name, b"a,b\n1,2\n")
    (one,), folder = remote_files("memory://f/a.csv")
    assert (str(one), folder, one.file_name.name) == ("memory://f/a.csv", None, "a.csv")
    found, folder = remote_files("memory://f/*.csv")
    assert (list(map(str, found)), folder) == (
        ["memory:///f/.c.csv", "memory:///f/a.csv", "memory:///f/b.csv"],
        None,
    )
    read = batches("memory://f", columns=["a"])
    assert np.concatenate(list(read)).tolist() == [[1]] * 3
    assert read.files == ()
    refused("There is no file memory://f/x.csv.", "memory://f/x.csv", error=FileNotFoundError)
    refused("No file fits the pattern memory://f/*.npy.", "memory://f/*.npy",
            error=FileNotFoundError)  # fmt: skip
    store.pipe("/g/a.csv", b"1")
    store.pipe("/g/a.parquet", b"1")
    with pytest.raises(
        ValueError, match=r"^The folder memory://g holds files of several kinds \(."
    ):
        batches("memory://g")


def test_what_cannot_be_opened(monkeypatch):
    pytest.importorskip("fsspec")
    with pytest.raises(ValueError, match=r"^nope://x\.csv cannot be opened \(Protocol not known"):
        batches("nope://x.csv")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(
        ImportError, match=r"^Reading s3://x/y\.csv needs fsspec: pip install fsspec,"
    ):
        batches("s3://x/y.csv")


def test_a_package_for_one_kind_of_url_is_missing(monkeypatch):
    fsspec = pytest.importorskip("fsspec")

    def missing(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(
        ImportError, match=r"^Reading s3://x/y\.csv needs one more package \(Instal"
    ):
        batches("s3://x/y.csv")
