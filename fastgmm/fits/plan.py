"""What a fit is to do, as two values: a plan, and hooks that look on."""

from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any

from fastgmm.data.sample import Sample
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD, Family
from fastgmm.em.priors import Regularizing
from fastgmm.em.run import Iteration, Run
from fastgmm.em.stopping import Stopping
from fastgmm.em.stretch import Spares
from fastgmm.em.trail import Trail
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.points import Start
from fastgmm.typing import Acceleration, OnCollapse
from fastgmm.values import dataclass

if TYPE_CHECKING:
    from fastgmm.fits.checkpoint import Checkpoint

Callback = Callable[[Iteration], object]
"""A function of the user that is shown each iteration; if it returns True, the start ends."""


@dataclass(frozen=True, eq=False)
class Settings:
    """The parameters of the constructor that every run of a fit obeys.

    Parameters
    ----------
    stopping : Stopping
    regularizing : Regularizing
    acceleration : {"auto", "lbfgs"}, optional
    on_collapse : {"repair", "warn", "raise"}
    verbose, verbose_interval : int
        How much is printed, and of every how many iterations.
    """

    stopping: Stopping
    regularizing: Regularizing
    acceleration: Acceleration | None = None
    on_collapse: OnCollapse = "repair"
    verbose: int = 0
    verbose_interval: int = 10


@dataclass(frozen=True, eq=False)
class Plan:
    """A fit before it has seen any row.

    Parameters
    ----------
    start : Start
    settings : Settings
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Where the seed is drawn from, when a start needs one.
    seed : int, optional
        The seed itself, where it is known.
    sample : Sample, optional
        Rows for the start that several fits share; None: the fit draws its own.
    warm : Mixture, optional
        The mixture to begin with in place of all starts.
    trail : Trail, optional
        That of the fit which a warm start goes on with.
    family : Family
        The rule of the M-step.
    spares : Spares, optional
        What compiled iterations of fits by this plan, but for their rows, work with in turns.
    """

    start: Start
    settings: Settings
    random_state: Any = None
    seed: int | None = None
    sample: Sample | None = None
    warm: Mixture | None = None
    trail: Trail | None = None
    family: Family = field(default=MAXIMUM_LIKELIHOOD)
    spares: Spares | None = None


@dataclass(frozen=True, eq=False)
class Hooks:
    """Those who look on while a fit runs.

    Parameters
    ----------
    callback : callable, optional
        It is shown each iteration.
    checkpoint : Checkpoint, optional
        It is written after each pass, and the fit goes on from it.
    after_pass : callable, optional
        After each pass it is shown a function that returns the run.
    cancelled : callable, optional
        It tells whether the fit is to end where it is, and is asked now and then.
    """

    callback: Callback | None = None
    checkpoint: "Checkpoint | None" = None
    after_pass: Callable[[Callable[[], Run]], None] | None = None
    cancelled: Callable[[], bool] | None = None
