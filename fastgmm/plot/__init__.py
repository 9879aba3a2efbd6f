"""Pictures of a fitted mixture and of the way to it, drawn with matplotlib.

matplotlib is imported when something is drawn, never by ``import fastgmm``.
"""

from fastgmm.plot.curves import plot_criterion, plot_log_likelihood, save_criterion
from fastgmm.plot.files import check_picture_name
from fastgmm.plot.merging import plot_merging
from fastgmm.plot.mixture import plot_mixture, save_mixture
from fastgmm.plot.responsibilities import plot_responsibilities
from fastgmm.plot.stream import plot_stream
from fastgmm.plot.uncertainty import plot_uncertainty

__all__ = [
    "check_picture_name",
    "plot_criterion",
    "plot_log_likelihood",
    "plot_merging",
    "plot_mixture",
    "plot_responsibilities",
    "plot_stream",
    "plot_uncertainty",
    "save_criterion",
    "save_mixture",
]


def __dir__() -> list[str]:
    return sorted(__all__)
