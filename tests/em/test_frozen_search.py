"""L-BFGS over what is not frozen: its gradient, the same optimum in fewer passes, checkpoints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from frozen_mixtures import CHOICES, SOME, family_of, masks_of

import fastgmm
from fastgmm.data.rows import RowData
from fastgmm.em import relative_frame as frame
from fastgmm.em.e_step import expectation
from fastgmm.em.frozen_search import FrozenSearch
from fastgmm.em.regularization import Regularization
from fastgmm.mixture.density import log_density
from fastgmm.mixture.mixture import Mixture
from support import correlated_mixture

EM = {"reg_covar": 0.0, "gap_tol": None, "max_iter": 2000}


def problem(kind: Any, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, Any]]:
    """Return rows of overlapping components, over which EM is slow, and where it begins."""
    truth = correlated_mixture(4, 3, rng, separation=1.5)
    begin = {
        "covariance_type": kind,
        "weights_init": truth.weights,
        "means_init": truth.means + 0.3,
        "precisions_init": truth.precisions_as(kind),
    }
    return truth.sample(1500, rng)[0], begin


def test_the_gradient_is_that_of_what_is_free(
    covariance_type: Any, rng: np.random.Generator
) -> None:
    """Against differences of the log-likelihood over steps of the frame, with the parts kept."""
    truth = correlated_mixture(3, 3, rng, separation=1.5)
    covariances = truth.covariances_as(covariance_type)
    mixture = Mixture.from_covariances(
        truth.weights, truth.means + 0.2, covariances, covariance_type
    )
    rows = truth.sample(500, rng)[0]
    statistics = expectation(mixture, RowData(rows))
    for chosen in CHOICES:
        family = family_of(mixture, masks_of(chosen, SOME, covariance_type))
        search = family.search(Regularization(), float(len(rows)))
        assert isinstance(search, FrozenSearch)
        search.propose(mixture, statistics, 0.0, family.maximize(statistics, Regularization()))
        gradient = search.gradient
        assert gradient is not None

        def value(step: np.ndarray, family: Any = family) -> float:
            there = family.begun(frame.mixture_at(mixture, step), Regularization(), 1.0)
            return float(log_density(there, rows, np.empty(len(rows))).mean())

        for _ in range(3):
            towards = rng.normal(size=len(gradient))
            towards[gradient == 0.0] = 0.0
            slope = (value(1e-5 * towards) - value(-1e-5 * towards)) / 2e-5
            assert slope == pytest.approx(float(gradient @ towards), rel=1e-5, abs=1e-7)


@pytest.mark.filterwarnings("ignore")
def test_the_same_optimum_in_fewer_passes(covariance_type: Any, rng: np.random.Generator) -> None:
    rows, begin = problem(covariance_type, rng)
    passes = []
    for chosen in CHOICES[:6]:
        frozen: dict[str, Any] = {part: [True, True, False, False] for part in chosen}
        if covariance_type.startswith("tied") and "covariances" in chosen:
            frozen["covariances"] = True
        em, ahead = (
            fastgmm.GaussianMixture(
                4, frozen=frozen, tol=tol, acceleration=acceleration, **begin, **EM
            ).fit(rows)
            for tol, acceleration in ((1e-8, None), (1e-7, "lbfgs"))
        )
        # The end is the same up to what tol leaves; another optimum may be higher.
        assert ahead.lower_bound_ > em.lower_bound_ - 2e-5
        passes.append((em.n_passes_, ahead.n_passes_))
        bounds = np.array(ahead.lower_bounds_)
        assert (np.diff(bounds) > -1e-12 * np.abs(bounds[0])).all()
    of_em, of_search = np.log(passes).mean(axis=0)
    assert of_search < of_em - np.log(2.0)


@pytest.mark.filterwarnings("ignore")
def test_a_checkpoint_holds_the_search(tmp_path: Path, rng: np.random.Generator) -> None:
    """A fit that is stopped between two steps ahead goes on to the same bits."""
    rows, begin = problem("full", rng)
    batches = np.array_split(rows, 4)
    asked: dict[str, Any] = {**begin, **EM, "tol": 1e-7, "acceleration": "lbfgs"}
    asked |= {"frozen": ("means",), "n_components": 4}
    whole = fastgmm.GaussianMixture(**asked).fit_batches(batches)
    assert whole.n_iter_ > 16

    class Stop(Exception):
        pass

    def stop(iteration: Any) -> None:
        if iteration.n_iter == 15:
            raise Stop

    path = tmp_path / "fit.checkpoint"
    with pytest.raises(Stop):
        fastgmm.GaussianMixture(**asked).fit_batches(batches, checkpoint=path, callback=stop)
    later = fastgmm.GaussianMixture(**asked).fit_batches(batches, checkpoint=path)
    assert later.lower_bounds_ == whole.lower_bounds_
    for name in ("weights_", "means_", "covariances_"):
        np.testing.assert_array_equal(getattr(later, name), getattr(whole, name))
