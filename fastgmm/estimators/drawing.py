"""Rows drawn from a fitted mixture."""

import numpy as np

from fastgmm.estimators.scoring import Scoring
from fastgmm.mixture.sampling import draw
from fastgmm.typing import Labels, RandomStateLike, Rows
from fastgmm.validation import as_generator


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
        if (
            isinstance(n_samples, bool)
            or not isinstance(n_samples, int | np.integer)
            or n_samples < 1
        ):
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples!r}. "
                "The sampling requires at least one sample."
            )
        generator = as_generator(self.random_state if random_state is None else random_state)
        rows, labels = draw(mixture, int(n_samples), generator)
        if shuffle:
            order = generator.permutation(int(n_samples))
            rows, labels = rows[order], labels[order]
        return rows.astype(mixture.dtype, copy=False), labels
