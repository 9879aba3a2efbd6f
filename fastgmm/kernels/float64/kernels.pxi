# A float64 build has the kernels of every dtype, and those that work on parameters or on a few thousand points.  The
# latter are in float64 whatever the rows, so that each instruction set has them once.

include "../kernels.pxi"
include "estimation.pxi"
include "search.pxi"
include "inertia.pxi"
include "reservoir.pxi"
include "sorting.pxi"
include "arrangement.pxi"
include "clustering.pxi"
include "coordinates.pxi"
include "cutting.pxi"
include "labelled.pxi"
include "pooled.pxi"
include "merging.pxi"
include "lane_densities.pxi"
include "lane_sums.pxi"
include "pattern_lanes.pxi"
