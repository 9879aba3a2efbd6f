"""Covariance types on the command line: mclust's names as well."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

import fastgmm
from fastgmm.cli.covariance_types import types

FAITHFUL = Path(__file__).parents[2] / "data" / "faithful.csv"


def test_words_between_commas() -> None:
    assert types(" VEE,full ,VEE, mclust") == ["VEE", "full", "mclust"]
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"'vee' is not one of full, .*VVV, mclust"
    ):
        types("full,vee")


def test_fit_select_and_learn(run: Any, tmp_path: Path) -> None:
    model = tmp_path / "model.gmm"
    code, out, _ = run("fit", FAITHFUL, "-k", 2, "--covariance-type", "EVV", "-o", model)
    assert code == 0
    assert "EVV covariance" in out
    assert fastgmm.load(model).covariance_type == "EVV"
    words = ["-k", "2", "--covariance-types", "mclust", "--n-init", 1, "--seed", 0, "-q", "--json"]
    code, out, _ = run("select", FAITHFUL, *words)
    assert code == 0
    found = json.loads(out)
    assert [one["covariance_type"] for one in found["table"]] == list(fastgmm.typing.MCLUST_TYPES)
    code, out, _ = run("fit", FAITHFUL, "-k", 2, "--covariance-type", "EEE")
    plain = run("fit", FAITHFUL, "-k", 2, "--covariance-type", "tied")[1]
    assert out.replace("EEE", "tied") == plain
    learned = tmp_path / "learned.gmm"
    words = [learned, FAITHFUL, "-k", 2, "--covariance-type", "VEI", "--seed", 0]
    assert run("learn", *words)[0] == 0
    assert fastgmm.load(learned).covariance_type == "VEI"
    code, _, err = run("fit", FAITHFUL, "-k", 2, "--bayesian", "--covariance-type", "VEE", "-q")
    assert code != 0
    assert "no conjugate prior" in err
