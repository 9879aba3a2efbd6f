"""The attributes of an estimator as its pickle holds them: no type of ours but its own.

Tools that load only what they are told to trust, as skops does, then ask for one name.
"""

from typing import Any

from fastgmm.em.priors import NormalInverseWishart

_PRIOR = "_prior_parameters"
"""Under this name a pickle holds the parameters of a prior."""


def plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes with the parameters of a prior in place of the prior."""
    kept = dict(attributes)
    if type(kept.get("prior")) is NormalInverseWishart:
        kept[_PRIOR] = kept.pop("prior").get_params()
    return kept


def whole(kept: dict[str, Any]) -> dict[str, Any]:
    """What `plain` was given; the attributes of older pickles, which hold the prior, as well."""
    attributes = dict(kept)
    if (params := attributes.pop(_PRIOR, None)) is not None:
        attributes["prior"] = NormalInverseWishart(**params)
    return attributes
