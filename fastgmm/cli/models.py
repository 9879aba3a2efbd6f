"""The mixtures of the commands: a new one by the options, or one of a file, of either class."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from fastgmm import GaussianMixture, load
from fastgmm.cli.usage import UsageError
from fastgmm.errors import FileFormatError

if TYPE_CHECKING:
    from fastgmm import BayesianGaussianMixture

Model: TypeAlias = Union[GaussianMixture, "BayesianGaussianMixture"]
"""What commands fit and score with."""
OF_POSTERIORS = {
    "prune": "--prune",
    "concentration": "--concentration",
    "sticks": "--weights-prior",
}
"""Options of posteriors alone, by where the parsed words have them."""
NOT_OF_POSTERIORS = {
    "gap_tol": ("--gap-tol", "auto"),
    "on_collapse": ("--on-collapse", "repair"),
    "checkpoint": ("--checkpoint", None),
    "labels": ("--labels", None),
    "noise": ("--noise", None),
}
"""Options that posteriors do not have, with their defaults."""


def add_posterior_options(group: Any) -> None:
    """Add the options of posteriors to their group."""
    add = group.add_argument
    add("--bayesian", action="store_true", help="fit a posterior, by variational Bayes")
    add("--prune", action="store_true", help="of a posterior drop the empty components")
    add("--concentration", type=float, metavar="NUMBER", help="of its weights' prior (1/K)")
    add(
        "--weights-prior",
        dest="sticks",
        choices=["process", "distribution"],
        help="Dirichlet process or distribution (process)",
    )


def add_noise_option(group: Any, of_new: str = "") -> None:
    """Add the option of noise to a group."""
    group.add_argument(
        "--noise",
        type=volume,
        metavar="VOLUME",
        help=f"rows of no component{of_new}, uniform over this volume, or that of a box: uniform",
    )


def volume(text: str) -> str | float:
    """Read "uniform" or the number of a volume.

    Examples
    --------
    >>> volume("uniform"), volume("2.5")
    ('uniform', 2.5)
    """
    if text == "uniform":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number or 'uniform'") from None


def model_of(arguments: argparse.Namespace) -> Model:
    """The model that `fastgmm fit` is asked for.

    Raises
    ------
    ValueError
        When an option is not one of that model.
    """
    acceleration = None if arguments.acceleration == "none" else arguments.acceleration
    if not arguments.bayesian:
        for name, option in OF_POSTERIORS.items():
            if getattr(arguments, name) not in (None, False):
                raise UsageError(f"{option} is for posteriors: add --bayesian, or leave it out.")
        return GaussianMixture(
            arguments.components,
            covariance_type=arguments.covariance_type,
            tol=arguments.tol,
            gap_tol=arguments.gap_tol,
            acceleration=acceleration,
            reg_covar=arguments.reg_covar,
            on_collapse=arguments.on_collapse,
            max_iter=arguments.max_iter,
            n_init=arguments.n_init,
            init_params=arguments.init,
            random_state=arguments.seed,
            n_threads=arguments.threads,
            missing="em" if arguments.gaps == "em" else "error",
            noise=arguments.noise,
            n_factors=arguments.factors,
        )
    for name, (option, default) in NOT_OF_POSTERIORS.items():
        if getattr(arguments, name) != default:
            raise UsageError(f"{option} does not go with --bayesian: leave one of them out.")
    if arguments.factors is not None:
        raise UsageError("--factors does not go with --bayesian: leave one of them out.")
    if arguments.gaps == "em":
        raise UsageError("--gaps em does not go with --bayesian: leave one of them out.")
    # Only a fit of a posterior takes the time of this import.
    from fastgmm import BayesianGaussianMixture

    return BayesianGaussianMixture(
        n_components=arguments.components,
        covariance_type=arguments.covariance_type,
        tol=arguments.tol,
        acceleration=acceleration,
        reg_covar=arguments.reg_covar,
        max_iter=arguments.max_iter,
        n_init=arguments.n_init,
        init_params=arguments.init,
        weight_concentration_prior_type=f"dirichlet_{arguments.sticks or 'process'}",  # type: ignore[arg-type]
        weight_concentration_prior=arguments.concentration,
        prune=arguments.prune,
        random_state=arguments.seed,
        n_threads=arguments.threads,
    )


def bound_of(arguments: argparse.Namespace) -> str:
    """What the number that a fit raises is called."""
    return "lower bound of all rows" if arguments.bayesian else "log-likelihood"


def n_seen(model: GaussianMixture) -> int:
    """How many rows of streams a model has seen, 0 before the first."""
    return int(getattr(model, "n_samples_seen_", 0))


def loaded(path: str) -> Model:
    """The model of a file, of whichever class has written it.

    Raises
    ------
    FileFormatError
        When it is neither, in the words that `fastgmm.load` has for it.
    """
    try:
        return load(path)
    except FileFormatError as error:
        if error.kind != "posterior":
            raise
    # Only a posterior takes the time of this import.
    from fastgmm import BayesianGaussianMixture

    return BayesianGaussianMixture.load(path)
