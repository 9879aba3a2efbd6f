"""The compiled core: one build per instruction set and dtype, chosen once, at import.

``FASTGMM_ISA`` chooses by hand, ``FASTGMM_SKIP`` says whether work may be left out: all that the
environment sets stands here.  What is built, what this processor runs and what was chosen are
three separate facts: ``BUILT``, ``SUPPORTED`` and ``CHOSEN``.  A build that is there and does not
import is an error.
"""

import importlib
import os
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType

import numpy as np

INSTRUCTION_SETS = ("x86-64-v4", "x86-64-v3", "x86-64", "neon", "portable")
"""These are all names of instruction sets, the widest of a family first."""

_HERE = os.path.dirname(__file__)
"""The detector of instruction sets lies here."""
_BUILDS = os.path.join(_HERE, "builds")
"""The compiled kernels lie here."""
_DTYPES: dict[np.dtype, str] = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}
"""The name of a build ends in this word for the dtype of its rows."""


def _is_built(folder: str, stem: str) -> bool:
    # os.path is loaded already; pathlib would take 4 ms of the import.
    return any(os.path.exists(f"{folder}/{stem}{suffix}") for suffix in EXTENSION_SUFFIXES)


def _stem(name: str) -> str:
    return name.replace("-", "_")


# No function does this, so that the traceback has no line of its own for one.
if not _is_built(_HERE, "_detect"):
    raise ImportError(
        f"fastgmm's kernels are not built in {os.path.dirname(os.path.dirname(_HERE))}, from where "
        "it was imported: run 'pip install -e .' there, or start Python in another folder"
    )
# This import stands behind the check, whose sentence says what to do where nothing is built.
from fastgmm.kernels._detect import supported as _supported  # noqa: E402

SUPPORTED: tuple[str, ...] = (*_supported(), "portable")
"""These instruction sets run on this processor, the widest first."""
BUILT = tuple(name for name in INSTRUCTION_SETS if _is_built(_BUILDS, f"{_stem(name)}_f64"))
"""This installation has kernels for these instruction sets."""


class Build:
    """The kernels of one instruction set.

    Attributes
    ----------
    name : str
        The instruction set.
    modules : dict
        dtype -> extension module, for float32 and float64.
    """

    def __init__(self, name: str) -> None:
        if name not in BUILT:
            raise ValueError(
                f"the instruction set {name!r} is not among those built here: "
                f"choose one of {', '.join(BUILT)}"
            )
        if name not in SUPPORTED:
            raise ValueError(
                f"this processor does not run the instruction set {name!r}: "
                f"choose one of {', '.join(n for n in BUILT if n in SUPPORTED)}"
            )
        self.name = name
        self.modules: dict[np.dtype, ModuleType] = {
            dtype: importlib.import_module(f"fastgmm.kernels.builds.{_stem(name)}_{suffix}")
            for dtype, suffix in _DTYPES.items()
        }


def _choose() -> Build:
    asked = os.environ.get("FASTGMM_ISA")
    if asked:
        try:
            return Build(asked)
        except ValueError as error:
            raise ImportError(f"FASTGMM_ISA={asked}: {error}") from None
    for name in BUILT:
        if name in SUPPORTED:
            return Build(name)
    raise ImportError(
        f"fastgmm has kernels for {', '.join(BUILT) or 'no instruction set'} "
        f"and this processor runs {', '.join(SUPPORTED)}: install a build for it"
    )


def _may_skip() -> bool:
    asked = os.environ.get("FASTGMM_SKIP", "on")
    if asked not in ("on", "off"):
        raise ValueError(f"FASTGMM_SKIP must be 'on' or 'off', got {asked!r}")
    return asked == "on"


CHOSEN = _choose()
"""All computing is done by this build."""
SKIP = _may_skip()
"""This is False where ``FASTGMM_SKIP=off`` wants every pair of row and component computed."""

_float64 = CHOSEN.modules[np.dtype(np.float64)]
"""This module of the chosen build has the kernels that are float64 whatever the rows."""
packed_mixtures = {dtype: module.PackedMixture for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this class of packed constants."""
scorers = {dtype: module.Scorer for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this class, which hands functions to C that score rows."""
stretches = {dtype: module.Stretch for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this class, which runs iterations without Python in between."""
RelativeFrame = _float64.RelativeFrame
"""This class knows coordinates about mixtures, and makes steps of L-BFGS in them."""
online_sums = {dtype: module.OnlineSums for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this class: what is known of a stream, and steps by batches of it."""
take_rows = {dtype: module.take_rows for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this function, which copies a few rows that are good as they are."""

number_patterns = {dtype: module.number_patterns for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this function, which numbers the patterns of gaps of rows."""
deal_rows = {dtype: module.deal_rows for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this function, which puts rows where their patterns are."""
pattern_rows = {dtype: module.PatternRows for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this class, which sums and scores rows with gaps, many patterns in one call."""
PatternLanes = _float64.PatternLanes
"""This class does the same for patterns of few rows, with a pattern in each lane."""

directions_below = _float64.directions_below
"""This kernel counts the directions in which covariances are below bounds."""
estimate = _float64.estimate
"""This kernel computes covariances of sums."""
factorize = _float64.factorize
"""This kernel computes Cholesky factors and their inverses."""
log_determinants = _float64.log_determinants
"""This kernel computes the log determinants of factors."""
log_weights = _float64.log_weights
"""This kernel computes the logarithms of weights."""
foretold = _float64.foretold
"""This kernel tells what lower bounds foretell of a run."""
largest_inflation = _float64.largest_inflation
"""This kernel tells how much wider features are alone than given the others."""
own_directions = _float64.own_directions
"""This kernel finds the axes of each of some matrices."""
share_directions = _float64.share_directions
"""This kernel finds the axes that covariances share."""
share_matrix = _float64.share_matrix
"""This kernel finds the matrix of which covariances are multiples."""
share_shape = _float64.share_shape
"""This kernel finds the variances of which those of all components are multiples."""
small_bits = _float64.small_bits
"""This kernel finds the rows of a stream that have small random numbers."""
moments_of_rows = _float64.moments_of_rows
"""This kernel computes the mean and the variances of all rows."""
ward = _float64.ward
"""This kernel makes the tree of Ward's method."""
grow = _float64.grow
"""This kernel makes such a tree of rows in coordinates of their own."""
cut = _float64.cut
"""This kernel labels the points of a tree that is cut."""
assign_to_cut = _float64.assign_to_cut
"""This kernel gives rows to the clusters of a tree that is cut."""
merge_by_likelihood = _float64.merge_by_likelihood
"""This kernel merges clusters of different shapes."""
labelled_mixture = _float64.labelled_mixture
"""This kernel makes the mixture of rows that have labels."""
pooled_mixture = _float64.pooled_mixture
"""This kernel makes the mixture around given means, with one covariance for all components."""
SmallFits = _float64.SmallFits
"""This class fits data sets of few rows, several in one call."""

bounds_strides = {dtype: module.bounds_stride for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this function, which tells how many numbers per component the bounds of so many
rows take."""
_finite = {dtype: module.all_finite for dtype, module in CHOSEN.modules.items()}
"""Each dtype has this function, which looks for NaN and infinite numbers."""


def all_finite(rows: np.ndarray) -> bool:
    """Whether no number of a C-contiguous float32 or float64 array is NaN or infinite."""
    finite: bool = _finite[rows.dtype](rows)
    return finite
