"""Rows drawn from a fitted mixture."""

import numpy as np

from fastgmm.estimators.scoring import Scoring
from fastgmm.limits.room import NUMBER, check_room
from fastgmm.limits.scalars import as_flag, shown
from fastgmm.mixture.sampling import draw
from fastgmm.typing import Labels, RandomStateLike, Rows
from fastgmm.validation import as_generator

LABELS = 2
"""A label, and the number of a component that it is made of, take as much as two numbers."""


def check_sample(n_samples: int, n_features: int, *, shuffle: bool = False) -> None:
    """Refuse a sample that is larger than the memory that can be had.

    Raises
    ------
    NotEnoughMemoryError
        Before anything is drawn.
    """
    copies = 2 if shuffle else 1
    needed = copies * NUMBER * n_samples * (n_features + LABELS)
    check_room(needed, f"A sample of {shown(n_samples)} rows", "draw fewer rows at a time")


class Drawing(Scoring):
    """What draws rows from a fitted state; an estimator and a snapshot inherit it."""

    def sample(
        self, n_samples: int = 1, *, random_state: RandomStateLike = None, shuffle: bool = False
    ) -> tuple[Rows, Labels]:
        """Draw rows from the mixture.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, numpy.random.Generator, numpy.random.RandomState or None
            Seed of this draw; None takes the constructor's `random_state`.
        shuffle : bool, default=False
            False gives the rows component by component, as in scikit-learn; True in random order.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
        y : ndarray of shape (n_samples,)
            Component of each row.

        Raises
        ------
        ValueError
            When `n_samples` is not an integer of at least 1.
        """
        mixture, _ = self._fitted()
        shuffle = as_flag(shuffle, "shuffle")
        if (
            isinstance(n_samples, bool)
            or not isinstance(n_samples, int | np.integer)
            or isinstance(n_samples, np.timedelta64)
            or n_samples < 1
        ):
            raise ValueError(
                f"Invalid value for 'n_samples': {shown(n_samples)}. "
                "The sampling requires at least one sample."
            )
        check_sample(int(n_samples), mixture.n_features, shuffle=shuffle)
        generator = as_generator(self.random_state if random_state is None else random_state)
        rows, labels = draw(mixture, int(n_samples), generator)
        if shuffle:
            order = generator.permutation(int(n_samples))
            rows, labels = rows[order], labels[order]
        return rows.astype(mixture.dtype, copy=False), labels
