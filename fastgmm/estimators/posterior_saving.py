"""Saving a fitted posterior and loading it again."""

import os
from abc import abstractmethod
from typing import Any, Self

from fastgmm.errors import FileFormatError
from fastgmm.estimators.posterior_steps import PosteriorSteps


class SavedPosterior(PosteriorSteps):
    """Files and pickles of a posterior; `BayesianGaussianMixture` inherits them."""

    @abstractmethod
    def _checked(self) -> dict[str, Any]:
        """The parameters of the constructor by name, checked."""

    @abstractmethod
    def _plain(self) -> Any:
        """The same as attributes, but that what is wrong stays what it is."""

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the fitted posterior to one file that `BayesianGaussianMixture.load` reads.

        The file holds no pickle, has a version and a checksum, and takes the place of an old one in
        one step.  A `random_state` that is not an int is not kept, nor what a subclass adds.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        NotFittedError
            When there is no posterior yet.
        InvalidParameterError
            When a parameter was set to what `fit` would refuse; nothing is written then.
        OSError
            When the file cannot be written; the old one is whole then.
        """
        # What files need is loaded with the first of them.
        from fastgmm.estimators import posterior_file

        params = self._checked()
        self._fitted()
        assert self._state is not None
        posterior_file.write(path, params, self._state)

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> Self:
        """Read a posterior that `save` wrote.

        Returns
        -------
        BayesianGaussianMixture

        Raises
        ------
        FileFormatError
            When the file is not such a posterior, was changed or cut off, or needs a newer fastgmm.
        FileNotFoundError
            When there is none.

        Examples
        --------
        >>> import fastgmm
        >>> import pathlib, tempfile
        >>> model = fastgmm.BayesianGaussianMixture(random_state=0).fit([[1.0], [2.0], [6.0]])
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "posterior.gmm"
        >>> model.save(path)
        >>> fastgmm.BayesianGaussianMixture.load(path).means_
        array([[3.]])
        """
        # What files need is loaded with the first of them.
        from fastgmm.estimators import posterior_file

        params, state = posterior_file.read(path)
        try:
            model = cls(**params)
        except TypeError as error:
            raise FileFormatError(f"{path} has other parameters: {error}") from error
        model._state = state
        return model

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        state = kept.pop("_state", None)
        if state is not None:
            # A pickle holds what a file does, which is loaded with the first of them.
            from fastgmm.estimators import posterior_file

            kept["_stored"] = posterior_file.described(state)
        return kept

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        own = dict(pickled)
        stored = own.pop("_stored", None)
        self.__dict__.update(own)
        if stored is not None:
            # A pickle holds what a file does, which is loaded with the first of them.
            from fastgmm.estimators import posterior_file

            facts, arrays = stored
            self._state = posterior_file.restored(facts, arrays, self._plain())
