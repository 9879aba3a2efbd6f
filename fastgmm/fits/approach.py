"""Some of the rows lead a run near to its end: what EM still has to do with all of them is little.

The first iterations of a run climb far, whatever rows they are made of.  A tenth of the rows says
for a tenth of the time where the maximum is, within what so few rows leave uncertain.
"""

from dataclasses import replace

from fastgmm.data.extent import Extent
from fastgmm.data.rows import RowData
from fastgmm.data.sample import Sample
from fastgmm.em.acceleration import Search
from fastgmm.em.e_step import Passes
from fastgmm.em.extrapolation import Extrapolation
from fastgmm.em.loop import run_em
from fastgmm.em.m_step import MAXIMUM_LIKELIHOOD
from fastgmm.em.rules import Rules
from fastgmm.em.run import Run
from fastgmm.em.stretch import stretches_over
from fastgmm.mixture.mixture import Mixture
from fastgmm.starts.comparison import is_weak

FEWEST_ROWS = 50_000
"""Of fewer rows a run takes about as long as the way to it.  Measured over 12 kinds of mixtures of
1 to 4 features, 10,000 rows take as long with and without, and 100,000 rows 0.7 times as long."""
SHARE = 0.1
"""This share of the rows leads, where it is enough."""
ROWS_PER_PARAMETER = 30
"""At least so many rows lead for each free parameter: with fewer, the end over some of the rows is
not near to that over all."""
LARGEST_SHARE = 0.2
"""At most this share of the rows leads: more take too long."""
SLOW = 10
"""After so many passes over some rows EM is slow with all of them, too.  Near its end gains are
small before they tell how far that is, and L-BFGS, which learns it, begins at once."""
MOST_PASSES = 40
"""They have at most so many passes, which cost as much as four to eight over all rows."""


def approached(
    run: Run, sample: Sample, extent: Extent, rules: Rules, n_threads: int | None
) -> Run:
    """The run from where EM over some rows of a sample leads; itself where they lead nowhere.

    Parameters
    ----------
    run : Run
        The run over all rows, before its first iteration.
    sample : Sample
    extent : Extent
        The number and weights of all rows.
    rules : Rules
        Those of the run.
    n_threads : int, optional
        None: all that this process may use.
    """
    mixture, n_rows = run.mixture, extent.n_counted
    assert mixture is not None
    wanted = max(int(SHARE * n_rows), ROWS_PER_PARAMETER * mixture.n_parameters)
    n = min(wanted, len(sample.order))
    if not _lead(n, mixture, n_rows) or sample.whole or rules.family is not MAXIMUM_LIKELIHOOD:
        return run
    # Rows that were drawn have had their weights as odds.
    data = RowData(sample.rows[sample.drawn(n)], None, n_threads)
    regularization = rules.regularization.in_units(1.0)
    stopping = replace(rules.stopping, max_iter=MOST_PASSES)
    own = replace(rules, stopping=stopping, regularization=regularization, trail=None)
    kind, k, ridge = mixture.covariance_type, mixture.n_components, regularization.reg_covar
    passes = Passes(data, kind, k, ridge, stopping.target)
    led = run_em(own.begun(mixture), passes, own, stretches=stretches_over(data, kind, k, own))
    reached, search = led.mixture, None
    if led.failure is not None or reached is None or is_weak(reached, regularization, float(n)):
        return run
    slow, model = led.n_iter >= SLOW and rules.acceleration is not None, reached.covariance_model
    if slow and model.accelerates:
        search = Search(rules.regularization, extent.weight)
    elif slow and model.restrict is not None:
        return replace(run, mixture=reached, extrapolation=Extrapolation(rules.regularization))
    # Factors begin with EM: a search that begins at once took more passes, 9 for 4.
    return replace(run, mixture=reached, search=search)


def _lead(n: int, mixture: Mixture, n_rows: int) -> bool:
    """Whether so many rows lead a run over all of them."""
    enough = n >= ROWS_PER_PARAMETER * mixture.n_parameters
    return n_rows >= FEWEST_ROWS and enough and n <= LARGEST_SHARE * n_rows
