"""What the user gave, checked and converted once at the public boundary.

Whatever comes after may rely on it: rows are C-contiguous, aligned, native, finite
float32 or float64; parameters have their types, ranges and shapes. The errors have the types
and the opening words of scikit-learn 1.9.1 for the same mistake, because callers match on
both; what follows the opening says what was found and what to do.
"""

from fastgmm.validation.arguments import (
    as_order,
    as_sample_weight,
    check_callback,
    check_enough_rows,
    check_out,
)
from fastgmm.validation.constructor import as_generator, check_parameters, plain_parameters
from fastgmm.validation.factors import check_factors, check_low_rank, check_no_factors
from fastgmm.validation.feature_names import check_feature_names, feature_names_of
from fastgmm.validation.initial import (
    check_covariances,
    check_means_init,
    check_precisions_init,
    check_weights_init,
)
from fastgmm.validation.rows import as_rows, as_table, features_error, has_gaps

__all__ = [
    "as_generator",
    "as_order",
    "as_rows",
    "as_sample_weight",
    "as_table",
    "check_callback",
    "check_covariances",
    "check_enough_rows",
    "check_factors",
    "check_feature_names",
    "check_low_rank",
    "check_means_init",
    "check_no_factors",
    "check_out",
    "check_parameters",
    "check_precisions_init",
    "check_weights_init",
    "feature_names_of",
    "features_error",
    "has_gaps",
    "plain_parameters",
]
