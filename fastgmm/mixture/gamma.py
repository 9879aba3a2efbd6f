"""The logarithm of the gamma function and its derivative, of arrays of positive numbers."""

import math

import numpy as np

from fastgmm.typing import FloatArray

_LEAST = 9.0
"""Stirling's series for the derivative has all digits from here on; below, the recurrence leads
here."""
_STIRLING = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)
"""B_2n / 2n of the Bernoulli numbers (Abramowitz and Stegun 1964, 6.3.18)."""


def log_gamma(x: FloatArray) -> FloatArray:
    """The natural logarithm of the gamma function of positive numbers.

    Examples
    --------
    >>> log_gamma(np.array([1.0, 5.0])).round(6)
    array([0.      , 3.178054])
    """
    x = np.asarray(x, dtype=np.float64)
    return np.fromiter(map(_log_gamma, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def _log_gamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except OverflowError:  # from about 2.5e305 on
        return math.inf


def digamma(x: FloatArray) -> FloatArray:
    """The derivative of `log_gamma` at positive numbers.

    Examples
    --------
    >>> digamma(np.array([1.0, 2.0])).round(6)
    array([-0.577216,  0.422784])
    """
    x = np.array(x, dtype=np.float64)
    below = np.zeros(x.shape)
    for _ in range(int(_LEAST)):
        small = x < _LEAST
        below += np.where(small, 1.0 / x, 0.0)
        x += small
    square = (1.0 / x) ** 2
    series = np.zeros(x.shape)
    for coefficient in reversed(_STIRLING):
        series = (series + coefficient) * square
    return np.asarray(np.log(x) - 0.5 / x - series - below)
