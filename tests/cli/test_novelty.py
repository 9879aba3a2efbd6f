"""`--below` and `--novel-only`: rows whose density is low."""

import argparse
import json

import numpy as np
import pytest

from commands import rows_of
from fastgmm import BayesianGaussianMixture, GaussianMixture
from fastgmm.cli.novelty import Novelty, Share, below


@pytest.fixture
def odd(tmp_path):
    """Return the path of rows of which two are odd, and one has a gap."""
    path = tmp_path / "odd.csv"
    path.write_text("id,eruptions,waiting\na,3.6,79\nb,1.8,95\nc,,54\nd,1.8,54\ne,9,9\n")
    return path


def test_limits():
    assert below("-12.5") == -12.5
    assert below("0.1%") == Share(0.001, "0.1%")
    for text in ("0%", "100%", "nan", "inf", "1%%", "two", "%", ""):
        with pytest.raises(
            argparse.ArgumentTypeError, match=r"neither a log density such as -12\.5"
        ):
            below(text)


def test_rows_are_counted():
    novelty = Novelty(-2.0)
    assert novelty.found(np.array([-3.0, -2.0, -1.0])).tolist() == [True, False, False]
    assert novelty.sentence == "note: 1 of 3 rows is novel: a log density below -2."
    novelty.found(np.array([-3.0]))
    assert novelty.sentence == "note: 2 of 4 rows are novel: a log density below -2."


def test_a_column_says_what_is_novel(run, geyser, odd):
    words = ["score", geyser[0], odd, "--gaps", "drop", "--below", "-10", "--digits", 1]
    code, out, err = run(*words)
    assert code == 0
    assert out.splitlines()[0] == "log_density,label,novel,responsibility_0,responsibility_1"
    assert [line.split(",")[2] for line in out.splitlines()[1:]] == ["0", "1", "", "0", "1"]
    assert err.endswith("note: 2 of 4 rows are novel: a log density below -10.\n")
    assert run(*words, "--only", "novel")[1].split() == ["novel", "0", "1", "0", "1"]
    assert json.loads(run(*words, "--json")[1].splitlines()[1])["novel"] == 1


@pytest.mark.parametrize("more", [[], ["--batch-rows", 2]])
def test_novel_rows_alone(run, geyser, odd, more):
    every = run("score", geyser[0], odd, "--gaps", "drop")[1].splitlines()
    words = ["score", geyser[0], odd, "--gaps", "drop", "--novel-only", *more, "--below"]
    out = run(*words, "-10")[1].splitlines()
    assert out == [f"row,{every[0]}", f"1,{every[2]}", f"4,{every[5]}"]
    assert run(*words, "-10", "--keep", "id", "--only", "row")[1] == "id,row\nb,1\ne,4\n"
    assert run(*words, "-1e9")[1].splitlines() == out[:1]


def test_a_share_is_that_of_the_models_rows(run, geyser, odd):
    path, model = geyser
    threshold = model.density_region(0.999, random_state=0)
    words = ["score", path, odd, "--gaps", "drop", "--only", "novel", "--below", "0.1%"]
    code, out, err = run(*words)
    assert (code, out.split()[1:]) == (0, ["0", "1", "0", "1"])
    assert err.endswith(f"below {threshold:.6g}, as 0.1% of the model's own rows have.\n")


def test_a_share_of_a_stream_is_that_of_its_recent_rows(run, tmp_path):
    rng = np.random.default_rng(0)
    model = GaussianMixture(1, random_state=0)
    for _ in range(20):
        model.partial_fit(rng.normal(size=(200, 2)))
    model.save(tmp_path / "m.gmm")
    np.save(tmp_path / "x.npy", rng.normal(size=(2000, 2)))
    words = ["score", tmp_path / "m.gmm", tmp_path / "x.npy", "--below", "5%", "--only"]
    code, out, err = run(*words, "novel,log_density")
    assert code == 0
    _, numbers = rows_of(out)
    threshold = model.novelty_threshold(0.05)
    np.testing.assert_array_equal(numbers[:, 0], numbers[:, 1] < threshold)
    assert 40 < numbers[:, 0].sum() < 200
    assert err.endswith(f"below {threshold:.6g}, as 5% of the recent rows of its stream had.\n")


def test_shares_that_are_not_known(fails, tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 2))
    np.save(tmp_path / "x.npy", rows)
    path = tmp_path / "m.gmm"
    for model, what in [
        (GaussianMixture(1, noise=100.0, random_state=0), "has noise"),
        (BayesianGaussianMixture(n_components=1, random_state=0), "is a posterior"),
    ]:
        model.fit(rows).save(path)
        fails(
            f"{path} {what}, of which --below 1% knows no share: give a log density, such as a "
            "quantile of those of usual rows.",
            *("score", path, tmp_path / "x.npy", "--below", "1%"),
        )
