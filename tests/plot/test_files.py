"""Pictures as files, and what matplotlib does not write or is not there for."""

import sys

import numpy as np
import pytest

from fastgmm import GaussianMixture
from fastgmm.plot import check_picture_name, plot_log_likelihood, plot_mixture, save_mixture
from fastgmm.plot.files import picture_file
from pictures import simple


@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_pictures_of_every_type_are_written(tmp_path, covariance_type, n_features):
    rows = np.random.default_rng(0).normal(size=(60, n_features))
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
    save_mixture(tmp_path / "picture.png", model, rows)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("ending", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".SVG", b"<?xml")]
)
@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_pictures_are_written(tmp_path, ending, start, n_features):
    path = tmp_path / f"picture{ending}"
    save_mixture(path, simple(2, n_features), np.ones((3, n_features)))
    assert path.read_bytes().startswith(start)


def test_some_features_with_weights_are_written(tmp_path):
    path = tmp_path / "picture.png"
    save_mixture(path, simple(2, 12), np.ones((3, 12)), features=[0, 3], sample_weight=[1, 2, 3])
    assert path.stat().st_size > 0


def test_unknown_formats_are_refused_before_any_work(tmp_path):
    for name in ("picture.doc", "picture"):
        with pytest.raises(ValueError, match=r"^The picture .* must end in one of .*\.pdf, .*\.$"):
            save_mixture(tmp_path / name, None)
    check_picture_name("picture.PNG")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    model = simple()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (plot_mixture, plot_log_likelihood, lambda model: save_mixture("x.png", model)):
        with pytest.raises(ImportError, match=r"^Pictures need matplotlib: pip install matplotlib"):
            draw(model)


def test_a_picture_that_fails_is_not_written(tmp_path):
    def draw_and_fail():
        with picture_file(tmp_path / "picture.png") as figure:
            figure.add_subplot()
            raise RuntimeError("not drawn")

    with pytest.raises(RuntimeError, match="not drawn"):
        draw_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_a_picture_takes_the_place_of_an_old_one_as_a_model_does(tmp_path):
    target, link = tmp_path / "target.svg", tmp_path / "link.png"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    save_mixture(link, simple(2, 2), np.ones((3, 2)))
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\x89PNG")
    assert target.stat().st_mode & 0o777 == 0o600
    assert len(list(tmp_path.iterdir())) == 2
