# What a run over few rows begins with, without Python: candidates of Ward's trees, and what a few passes of EM make of
# each.  `starts/ward.py` and `starts/comparison.py` say what and why; this does the same in the same order, so that the
# bits are the same, where all rows are in every tree and in every comparison.  It gives up, and the caller does it all
# again, where something has to be decided there: a covariance that is not positive definite, a component that may be
# flat, rows whose squares overflow.

cdef enum:
    N_CANDIDATES = 5            # that of merges, of other units, two of ranks, and the plain one

cdef struct Starting:
    # All are doubles, in this order, so that the caller can hand them over in one array; most are the constants of
    # `starts/ward.py` and `starts/comparison.py` of these names.
    double pseudo_counts
    double clear
    double tail
    double alike
    double merged               # merging by likelihood begins with this many times K clusters,
    double merged_more          # and with at most so many more than K
    double merging_passes
    double rows_per_feature
    double rows_needed          # by a component
    double first_stage
    double most_passes
    double lead

cdef struct Candidate:
    Slot made
    Slot reached                # what passes have made of it
    double promise              # NaN before the first
    double pace
    Py_ssize_t n_passes
    bint weak


cdef bint is_before(const Candidate *one, const Candidate *other) noexcept nogil:
    """Whether one of two candidates, the first in their order, is to be preferred."""
    if one.weak != other.weak:
        return not one.weak
    return one.promise >= other.promise


cdef class SmallStarts:
    """Starts of fits over few rows; arguments are those of `SmallFits`."""
    cdef Stretch stretch
    cdef Starting starting
    cdef Memory memory
    cdef Memory ward_memory
    cdef Memory merging_memory
    cdef Py_ssize_t most_rows
    cdef const double *rows
    cdef Py_ssize_t n_rows
    cdef double *counts             # most_rows: how often each row counts
    cdef double weight_in_rows      # what all rows weigh, in rows
    cdef WardScratch ward
    cdef Merging merging
    cdef Space space
    cdef int64_t *merged            # 2 most_rows: the merges of the tree
    cdef double *heights
    cdef int64_t *merged_on         # those by likelihood
    cdef double *centers            # of the clusters of a tree
    cdef double *held
    cdef int64_t *labels            # of the tree of columns, cut at K
    cdef int64_t *other_labels
    cdef int64_t *names             # of the clusters that have got rows
    cdef double *component_weight
    cdef double *second
    cdef char *pairs                # K^2
    cdef void *scratch
    cdef Candidate candidates[N_CANDIDATES]
    cdef Py_ssize_t n_candidates

    cdef Py_ssize_t _most_clusters(self) noexcept nogil:
        """The most clusters that merging by likelihood begins with, or K where that is more."""
        cdef Py_ssize_t k = self.stretch.model.n_components
        return max(k, min(<Py_ssize_t> self.starting.merged * k, k + <Py_ssize_t> self.starting.merged_more))

    cdef Py_ssize_t _lay_out_starts(self, Memory memory):
        cdef const Model *model = &self.stretch.model
        cdef Py_ssize_t n = self.most_rows
        cdef Py_ssize_t d = model.n_features
        cdef Py_ssize_t k = model.n_components
        cdef Py_ssize_t n_clusters = self._most_clusters()
        cdef Py_ssize_t n_numbers = model.n_covariances * model.size
        cdef Py_ssize_t n_scratch, i
        cdef Cutter cut = Cutter(memory)
        self.counts = cut.doubles(n)
        self.space.n_features = d
        self.space.center = cut.doubles(d)
        self.space.scale = cut.doubles(d)
        self.space.turn = cut.doubles(turn_size(RANKS, d, n))
        self.merged = <int64_t *> cut.bytes(16 * n)
        self.heights = cut.doubles(n)
        self.merged_on = <int64_t *> cut.bytes(16 * n_clusters)
        self.centers = cut.doubles(n_clusters * d)
        self.held = cut.doubles(n_clusters)
        self.labels = <int64_t *> cut.bytes(8 * n)
        self.other_labels = <int64_t *> cut.bytes(8 * n)
        self.names = <int64_t *> cut.bytes(8 * n_clusters)
        self.component_weight = cut.doubles(k)
        self.second = cut.doubles(n_numbers)
        self.pairs = <char *> cut.bytes(k * k)
        for i in range(N_CANDIDATES):
            lay_out_slot(&self.candidates[i].made, model, cut)
            lay_out_slot(&self.candidates[i].reached, model, cut)
        n_scratch = max(grow_scratch(n, d), merge_scratch(n, n_clusters, d))
        n_scratch = max(n_scratch, 8 * clusters_scratch(n, n_clusters, d, n))
        self.scratch = cut.bytes(max(n_scratch, 8 * labelled_scratch(model, n)))
        return cut.size

    cdef _lay_out_trees(self):
        """What Ward's method and merging work with."""
        cdef const Model *model = &self.stretch.model
        self.ward_memory = Memory(lay_out_ward(&self.ward, self.most_rows, model.n_features, None))
        lay_out_ward(&self.ward, self.most_rows, model.n_features, self.ward_memory)
        self.merging.form = model.form
        self.merging.n_features = model.n_features
        self.merging.n_clusters = self._most_clusters()
        self.merging_memory = Memory(lay_out_merging(&self.merging, None))
        lay_out_merging(&self.merging, self.merging_memory)

    cdef Py_ssize_t _grow(self, int units) noexcept nogil:
        """The tree of all rows in these units; returns how many columns vary, or less than zero."""
        self.space.units = units
        self.space.n_points = self.n_rows
        stride_of_ward(&self.ward.clusters, self.n_rows)
        return grow_tree(
            &self.space, self.stretch.model.form == SCALAR, self.rows, self.counts, &self.ward, self.merged,
            self.heights, self.scratch)

    cdef Py_ssize_t _assign(self, Py_ssize_t n_clusters, int64_t *labels) noexcept nogil:
        """Labels of all rows, by the tree cut at so many clusters; returns how many have got a row."""
        return rows_to_clusters(
            &self.space, self.rows, self.counts, self.merged, n_clusters, self.rows, self.n_rows, self.centers,
            self.held, labels, self.scratch)

    cdef bint _add(self, const int64_t *labels, Py_ssize_t n_varying, bint has_centers) noexcept nogil:
        """Add the mixture of labels, whose means begin at the centers; False where it is of no use."""
        cdef const Model *model = &self.stretch.model
        cdef const Limits *limits = &self.stretch.limits
        cdef Candidate *one = &self.candidates[self.n_candidates]
        if has_centers:
            memcpy(one.made.means, self.centers, model.n_components * model.n_features * sizeof(double))
        one.promise = NAN
        one.pace = INFINITY
        one.n_passes = 0
        one.weak = False
        self.n_candidates += 1
        return mixture_of_labels(
            model, self.rows, self.counts, labels, self.n_rows, self.starting.pseudo_counts + n_varying, limits.pivots,
            limits.largest, self.component_weight, self.second, &one.made, self.scratch)

    cdef Py_ssize_t _few(self) noexcept nogil:
        """With how many clusters the merging by likelihood begins."""
        cdef const Starting *s = &self.starting
        cdef Py_ssize_t k = self.stretch.model.n_components
        cdef Py_ssize_t few = min(
            <Py_ssize_t> s.merged * k, min(k + <Py_ssize_t> s.merged_more, self.n_rows // 4))
        if self.stretch.model.form == MATRIX:
            few = min(
                few, <Py_ssize_t> sqrt(3.0 * s.merging_passes * self.n_rows * k / self.stretch.model.n_features))
        return few

    cdef bint _add_merged(self, Py_ssize_t n_varying) noexcept nogil:
        """Add the candidate of many clusters of the tree, merged by likelihood, if there is one; False to give up."""
        cdef Py_ssize_t k = self.stretch.model.n_components
        cdef Py_ssize_t few = self._few()
        cdef Py_ssize_t i, n_found
        cdef int64_t n_named = 0
        cdef double least = few + self.starting.rows_per_feature * self.stretch.model.n_features
        if few < 2 or (self.stretch.model.form == MATRIX and self.n_rows < least):
            return True
        n_found = self._assign(few, self.other_labels)
        if n_found < 2 or n_found - 1 < k:
            return True
        memset(self.names, 0, few * sizeof(int64_t))
        for i in range(self.n_rows):
            self.names[self.other_labels[i]] = 1
        for i in range(few):
            n_named += self.names[i]
            self.names[i] = n_named - 1
        for i in range(self.n_rows):
            self.other_labels[i] = self.names[self.other_labels[i]]
        self.merging.n_clusters = n_found
        self.merging.stride = round_up(n_found, LANES)
        merge_labelled(
            &self.merging, self.rows, self.counts, self.space.center, self.space.scale, self.other_labels, self.n_rows,
            self.merged_on, self.scratch)
        cut_merges(self.merged_on, n_found, k, self.names)
        for i in range(self.n_rows):
            self.other_labels[i] = self.names[self.other_labels[i]]
        return self._add(self.other_labels, n_varying, False)

    cdef bint _cuts_a_tail(self) noexcept nogil:
        """Whether one of the clusters in `held` is more likely the end of a tail."""
        cdef Py_ssize_t k = self.stretch.model.n_components
        cdef Py_ssize_t i
        cdef double total = 0.0
        cdef double least = self.held[0]
        for i in range(k):
            total += self.held[i]
            least = min(least, self.held[i])
        least = least / total
        if k * self.starting.rows_needed > self.n_rows:
            return least * k < self.starting.tail
        return least * k < self.starting.tail or least * self.n_rows < self.starting.rows_needed

    cdef bint _is_clear(self) noexcept nogil:
        """Whether the next merge after K clusters costs far more than the last one."""
        cdef Py_ssize_t after = self.n_rows - self.stretch.model.n_components
        return after > 0 and self.heights[after] > self.starting.clear * self.heights[after - 1]

    cdef bint _units_matter(self) noexcept nogil:
        cdef Py_ssize_t j
        cdef double largest = self.space.scale[0]
        cdef double smallest = largest
        for j in range(self.space.n_features):
            largest = max(largest, self.space.scale[j])
            smallest = min(smallest, self.space.scale[j])
        return largest > self.starting.alike * smallest

    cdef bint _add_other_units(self, bint all_found) noexcept nogil:
        """Add the candidate of the tree in other units, unless its clusters are those of `labels`; False to give up."""
        cdef Py_ssize_t k = self.stretch.model.n_components
        cdef Py_ssize_t i
        cdef Py_ssize_t n_pairs = 0
        cdef Py_ssize_t n_varying = self._grow(BETWEEN)
        if n_varying < 0:
            return False
        all_found &= self._assign(k, self.other_labels) == k
        memset(self.pairs, 0, k * k)
        for i in range(self.n_rows):
            self.pairs[self.labels[i] * k + self.other_labels[i]] = 1
        for i in range(k * k):
            n_pairs += self.pairs[i]
        if n_pairs <= k and all_found:
            return True
        return self._add(self.other_labels, n_varying, True)

    cdef bint _add_ranks(self) noexcept nogil:
        """Add both candidates of the tree of ranks; False to give up."""
        cdef Py_ssize_t k = self.stretch.model.n_components
        cdef Py_ssize_t n_varying = self._grow(RANKS)
        if n_varying < 0 or not self._add_merged(n_varying):
            return False
        return self._assign(k, self.other_labels) < k or self._add(self.other_labels, n_varying, True)

    cdef bint _make(self) noexcept nogil:
        """Make the candidates; False to give up."""
        cdef Py_ssize_t k = self.stretch.model.n_components
        cdef Py_ssize_t n_varying = self._grow(COLUMN)
        cdef Py_ssize_t i
        cdef bint all_found, tail
        cdef Candidate plain
        self.n_candidates = 0
        if n_varying < 0:
            return False
        all_found = self._assign(k, self.labels) == k
        tail = k > 1 and self._cuts_a_tail()
        if not self._add(self.labels, n_varying, True):
            return False
        if k == 1 or (not tail and self._is_clear()):
            return True
        if not self._add_merged(n_varying):
            return False
        if self._units_matter() and not self._add_other_units(all_found):
            return False
        if tail and not self._add_ranks():
            return False
        # The plainest of all is the last of the candidates.
        plain = self.candidates[0]
        for i in range(1, self.n_candidates):
            self.candidates[i - 1] = self.candidates[i]
        self.candidates[self.n_candidates - 1] = plain
        return True

    cdef int _pass_over(self, Candidate *one, Py_ssize_t stage) except -1 nogil:
        """Do the passes that a candidate lacks at the end of a stage; returns 0 to give up."""
        cdef Standing standing
        cdef Py_ssize_t done = 0
        cdef double left = max(stage - one.n_passes, 0)
        standing.left = left
        self.stretch._go_on(&one.reached, &standing, &done)
        if standing.left > 0.0:
            return 0
        self.stretch._look_at(&one.reached, &standing, self.starting.rows_needed, self.weight_in_rows)
        if not standing.promise == standing.promise or not standing.weak == standing.weak:
            return 0
        if left > 0.0 and one.promise == one.promise:
            one.pace = (standing.promise - one.promise) / left
        one.promise = standing.promise
        one.weak = standing.weak > 0.0
        one.n_passes = stage
        return 1

    cdef int _compare(self) except -2 nogil:
        """The index of the best candidate after some passes of EM each; -1 to give up."""
        cdef const Starting *s = &self.starting
        cdef Py_ssize_t most = <Py_ssize_t> s.most_passes
        cdef Py_ssize_t stage = min(<Py_ssize_t> s.first_stage, most)
        cdef bint racing[N_CANDIDATES]
        cdef int i
        cdef int n_racing = self.n_candidates
        cdef int leader = 0
        if self.n_candidates == 1:
            return 0
        memset(self.stretch.held, 1, self.stretch.model.n_components)
        for i in range(self.n_candidates):
            racing[i] = True
            copy_slot(&self.stretch.model, &self.candidates[i].made, &self.candidates[i].reached)
        while True:
            for i in range(self.n_candidates):
                if racing[i] and not self._pass_over(&self.candidates[i], stage):
                    return -1
            leader = self._first_of(racing)
            # All of them go on to the second stage.
            for i in range(self.n_candidates):
                if stage > s.first_stage and racing[i] and i != leader and not self._may_lead(i, leader, most):
                    racing[i] = False
                    n_racing -= 1
            if n_racing <= 1 or stage >= most:
                break
            stage = min(2 * stage, most)
        for i in range(self.n_candidates):
            racing[i] = True
        return self._first_of(racing)

    cdef int _first_of(self, bint *among) noexcept nogil:
        cdef int best = -1
        cdef int i
        for i in range(self.n_candidates):
            if among[i] and (best < 0 or not is_before(&self.candidates[best], &self.candidates[i])):
                best = i
        return best

    cdef bint _may_lead(self, int i, int leader, Py_ssize_t most) noexcept nogil:
        cdef const Candidate *one = &self.candidates[i]
        cdef double ahead = one.promise + one.pace * (most - one.n_passes)
        return ahead > self.candidates[leader].promise + self.starting.lead
