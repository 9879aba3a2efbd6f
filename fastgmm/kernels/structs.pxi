# The four structs that the kernels hand to each other.  A Mixture is read only.  A Block is scratch: some rows on their
# way through a pass, and the Sums of that pass.  Bounds belong to the caller, who keeps them from pass to pass.
#
# A remark beside a field gives its size and what it holds.  "Reference" means the mean of the component, as the dtype
# rounds it.  `width`, `padded` and `stride` are explained where they are declared.

cdef struct Mixture:
    int shape                   # FULL, TIED, DIAG, SPHERICAL or LOW_RANK
    Py_ssize_t n_components
    Py_ssize_t n_features
    Py_ssize_t rank             # LOW_RANK: the number of factors; else 0
    Py_ssize_t width            # n_features rounded up to LANES and TILE_ROWS: the stride of the means
    Py_ssize_t padded           # n_features rounded up to TILE_ROWS; the padding comes first
    real *means                 # n_components x width
    real *shift                 # width: the middle of the means
    real *centered_means        # n_components x width: means minus the shift
    bint near                   # no mean is more than NEAR deviations from the shift; LOW_RANK: no distance cancels
    bint central                # SPHERICAL, TIED: no mean is more than CENTRAL deviations from the shift
    # FULL, TIED: packed L^-1, see pack_factor; DIAG: n_components x width; SPHERICAL: n_components;
    # LOW_RANK: see pack_low_rank
    real *factors
    Py_ssize_t factor_size      # numbers per packed factor
    real *inverses              # few: half of L^-1 row by row, n_components x FEW_FEATURES^2
    real *origin                # width: what is subtracted from the rows: the shift or zeros, see about_origin
    real *whitened_means        # FULL, TIED: n_components x padded, L^-1 (mean - shift)
    real *log_norms             # n_components: - log det L - D/2 log 2 pi
    real *half_scales           # n_components: half of log weight + log_norm
    real *quarters              # n_components: a squared distance times this is half of its part of the log density
    real half_background        # half the log of a density that every row has beside the components'; LOWEST for none


cdef struct Sums:
    # `width` is that of the mixture, so that whole vectors can be added; triangle(i, j) with i >= j counts the lower
    # triangle row by row
    double *component_weight    # n_components: sums of r
    double *first               # n_components x width; about the reference, or about the shift: see about_shift
    # DIAG: n_components x width; SPHERICAL: n_components; LOW_RANK: n_components x (rank + 1) x width, of r d y^T and
    # r d^2; by rows: lower triangles, see lower_row;
    # else triangle(n_features, 0) x LANES per component (one for TIED), not yet summed over the lanes
    double *second
    Py_ssize_t second_size      # numbers per component
    double *overlap             # pooled TIED: triangle(n_components, 0) x LANES, sum of r_k r_l / sum r
    double *lanes               # few_sums: n_components x (1 + n_features) x LANES, sums of r and first moments
    # by products, of the blocks in which a component was not summed live: sum of r, and n_components x n_products
    # vectors of sums of r x x^T and r x about the shift, see list_products
    double *dense_weight
    double *products
    Py_ssize_t n_products


# A pass takes a block through these stages, and some fields change their meaning on the way.  "=" means that the stage
# leaves the field as it was.  d is a squared distance, l a log density, r a responsibility times the sample weight, and
# s the sum of r over the components.
#
#   stage                         distances   density      log_total              total          scale
#   ----------------------------  ----------  -----------  ---------------------  -------------  --------------
#   load_block                    =           =            =                      =              =
#   mahalanobis                   d           d (1)        =                      =              =
#   or bounded_distances          d (2)       d            least l / 2 of a row   =              =
#   half_log_densities            d (3)       l / 2        largest l / 2 of a row =              =
#   or few_log_densities          =           l / 2        largest l / 2 of a row =              =
#   normalize                     d (3)       e            =                      sum of e^2     1 / total
#   log_totals, if wanted         d (3)       =            log density of a row   =              =
#   or take_responsibilities      d (3)       root of r    =                      =              1
#   weigh                         d (3)       r (4)        =                      =              weight / total
#   accumulate, pooled TIED       unused      r / root s   s                      1 / root s     =
#   accumulate, all others        d (3)       =            =                      =              =
#
# e is exp((l - largest l of the row) / 2), so that r is e^2 / total times the sample weight.
# (1) `distances` is the same memory as `density`, save in a SPHERICAL pass that sums: its M-step needs d beside r.
# (2) A pair that the bounds rule out holds -LOWEST / 2, a distance without a density.
# (3) This holds in a SPHERICAL pass that sums, which computes d for given responsibilities too.  Else it is `density`.
# (4) few_sums: still e, which sum_few squares and scales itself.
#
# Scores end after mahalanobis (labels, log densities of the components), normalize or log_totals (all others).
#
# Scratch of one stage, free for the next:
#   differences, whitened   mahalanobis: a strip minus a mean, and L^-1 times it
#   gathered, live, panel   bounded_distances: the columns of the possible rows, their indices, their d
#   rows, squares           arrange_rows to accumulate: the block row by row, and the squares of it
#   live, live_r, dense     accumulate: of one component the live rows and their r, later roots; those not summed live
#   panel                   accumulate: roots of r times differences; products; pooled: root s (x - expected mean)
#   doubled                 accumulate, by products: some rows in the form of double_rows

cdef struct Block:
    Py_ssize_t n_rows
    Py_ssize_t n_lanes          # n_rows rounded up to STRIP; LANES for so few
    Py_ssize_t stride           # of everything with rows in the lanes
    real *columns               # n_features x stride: the rows, transposed, minus the origin
    real *differences           # padded x STRIP, the padding rows zero
    real *whitened              # padded x STRIP; LOW_RANK: n_components x rank x stride, y of the whole block
    real *distances             # n_components x stride
    real *density               # n_components x stride
    real *log_total             # stride
    real *total                 # stride
    real *scale                 # stride
    real *rows                  # capacity x width: the rows, about_shift: minus the shift
    real *doubled               # by products: doubled_size(n_features)
    int *left                   # n_products each, constant: see list_products
    int *right
    int *rotated
    real *squares               # DIAG about_shift: capacity x width
    real *gathered              # FULL: n_features x stride
    real *panel                 # the larger of capacity x width and n_features x stride; by products also theirs
    Py_ssize_t panel_rows       # of a panel by rows
    Py_ssize_t column_size      # of the same: numbers per column of LANES features
    int *every                  # the larger of stride and n_components, constant: 0, 1, 2, ...
    int *live                   # stride + STRIP
    real *live_r                # stride + LANES
    int *dense                  # n_components
    real *thresholds            # n_components, of r
    Py_ssize_t n_live           # pairs over them so far, if sums are taken by live rows
    Sums sums


cdef struct Bounds:
    float *carried              # n_components x stride, rows of one call: a distance, minus a bound under it, or 0
    Py_ssize_t stride
    const double *shrink        # n_components each: under smin(A), over smax(A), over |L'^-1 (mu - mu')|
    const double *grow
    const double *moved
    const double *cut           # n_components: half the log of a density relative to the row's that may be left out
    Py_ssize_t n_computed       # pairs whose density was computed so far
