"""Give every parameter of every public function its limits; print what went wrong, as JSON.

Run by test_limits.py.  The parameters come from the signatures: a new one is tried by itself, and
a new function must be told in `CALLS` how it is called.
"""

import ast
import inspect
import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from decimal import Decimal
from fractions import Fraction
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import fastgmm
import fastgmm.plot
import fastgmm.sources

STEP = int(os.environ.get("FASTGMM_LIMITS", "41"))
"""Of the values each parameter gets one of so many; each parameter gets others."""
SECONDS = 1.0
"""So long may a call take, in time of this process; of a thousand rows in a thousandth of it."""
PATIENCE = 4
"""A call is ended after so many seconds of processor time: a machine may be busy with others."""
SPACE = 4 << 30
"""The process may take so many bytes of addresses: what asks for more is refused at once."""
LONGEST = 2000
"""No message is longer than so many characters, whatever the value is."""
PACKAGE = str(Path(fastgmm.__file__).parent)

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(100, 2)) + np.repeat([[0.0], [5.0]], 50, axis=0)
TARGETS = np.repeat(["a", "b"], 50)


class TooLongError(BaseException):
    """A call took longer than `PATIENCE`."""


# ------------------------------------------------------------------ values


def numbers() -> Iterator[Any]:
    """Numbers of each kind: zero, the least, the largest, what is none."""
    yield from (0, 1, 2, -1, 3, True, False, 0.0, -0.0, 0.5, 1.0, 1.5, -1.5)
    yield from (5e-324, sys.float_info.min, sys.float_info.max, np.inf, -np.inf, np.nan)
    yield from (2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63))
    yield from (10**400, -(10**400), 10**5000)
    yield from (1j, complex(np.nan, 0.0), Fraction(1, 2), Fraction(3), Fraction(10**400))
    yield from (Decimal(1), Decimal("0.5"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"))
    yield Decimal("1e500")
    for name in ("int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"):
        kind = np.dtype(name).type
        yield from (kind(0), kind(2), np.iinfo(kind).min, kind(np.iinfo(kind).max))
        yield kind(np.iinfo(kind).min)
    for kind in (np.float16, np.float32, np.float64, np.longdouble):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            limits = np.finfo(kind)
            yield from (kind(0), kind(0.5), limits.max, limits.min, limits.smallest_subnormal)
        yield from (kind("nan"), kind("inf"))
    yield from (np.longdouble("1e4000"), np.complex64(1j), np.bool_(True), np.bool_(False))
    yield from (np.datetime64("NaT"), np.timedelta64(1, "s"), np.void(b"x"), np.str_("full"))


def others() -> Iterator[Any]:
    """What is no number, or an array of few."""
    yield from (None, "", "x", "full", "auto", "nan", "1", "\0", "\ud800", "x" * 100_000)
    yield from (b"", b"x", bytearray(b"1"), object(), type, int, len, Ellipsis, NotImplemented)
    yield from ([], (), {}, set(), frozenset({"x"}), range(0), slice(1), iter(()), memoryview(b"1"))
    yield from (
        [0],
        [-1],
        ["x"],
        [None],
        [np.nan],
        [np.inf],
        [[]],
        [[0.0]],
        [[[[1.0]]]],
        [[1], [2, 3]],
    )
    yield from ({"x": 1}, {1: 2}, [True], [2**63], [10**400], [b"x"], [Decimal(1)], [1j])
    yield from (np.array(1.0), np.array(2), np.array("x"), np.empty(0), np.empty((0, 2)))
    yield from (np.empty((2, 0)), np.array([None, 1.0], dtype=object), np.array([1j]))
    yield from (np.zeros(2), np.ones((2, 2)), np.full((2, 2), np.nan), np.zeros((2, 2, 2)))
    yield from (np.zeros(2, dtype="M8[s]"), np.array(["x", "y"]), np.zeros(2, dtype=[("a", float)]))
    yield from (np.ma.masked, np.ma.array([1.0, 2.0], mask=[0, 1]), np.random.default_rng(0))
    yield from (ROWS, ROWS.astype(np.float16), np.full((100, 2), 1e308), np.arange(100))
    yield from (np.zeros((100, 2)), np.zeros(100), np.full(100, 5e-324), np.full(100, 1e308))
    yield from (np.full(100, np.nan), -np.ones(100), np.ones(100, dtype=bool), TARGETS)
    yield from (np.full(100, "x" * 1000), [[2**64] * 2] * 100, [[Decimal("NaN")] * 2] * 100)


def shown(value: Any) -> str:
    """A short name of a value."""
    if isinstance(value, int) and abs(value) > 2**70:
        return f"{type(value).__name__} of {value.bit_length()} bits"
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"{value.dtype} {value.shape} of {value.flat[0]!r}"[:80]
    return f"{type(value).__name__} {value!r}"[:80]


VALUES = [*numbers(), *others()]


# ------------------------------------------------------------------ calls


def mixture(**params: Any) -> fastgmm.GaussianMixture:
    return fastgmm.GaussianMixture(**{"n_components": 2, "random_state": 0, **params})


@cache
def fitted(name: str) -> Any:
    """A fitted object of a class; "stream": a mixture that has learned from one."""
    made = getattr(fastgmm, name, None)
    if name == "GaussianMixtureClassifier":
        return made(random_state=0).fit(ROWS, TARGETS)
    if name == "GaussianMixtureRegressor":
        return made(random_state=0).fit(ROWS[:, :1], ROWS[:, 1])
    if name == "Snapshot":
        return mixture().fit(ROWS).snapshot()
    if name == "FittedGroups":
        return fastgmm.fit_many([ROWS, ROWS + 1.0], 2, random_state=0)
    if name == "Bootstrap":
        return fastgmm.bootstrap(fitted("GaussianMixture"), ROWS, 5, random_state=0)
    if name in ("Selection", "Candidate"):
        chosen = fastgmm.select(ROWS, [1, 2], "full", n_init=1, random_state=0)
        return chosen if name == "Selection" else chosen.best
    if name == "SufficientStatistics":
        return fitted("GaussianMixture").e_step(ROWS)
    if name == "NormalInverseWishart":
        return made()
    if name == "BayesianGaussianMixture":
        return made(n_components=2, random_state=0).fit(ROWS)
    if name == "stream":
        return mixture().partial_fit(ROWS)
    return mixture().fit(ROWS)


def fresh(name: str) -> Any:
    """An object that a call may change: another one each time."""
    if name in ("GaussianMixture", "BayesianGaussianMixture", "stream"):
        model = object.__new__(type(fitted(name)))
        model.__dict__.update(fitted(name).__dict__)
        return model
    if "GaussianMixture" in name:
        return getattr(fastgmm, name)(random_state=0)
    return fitted(name)


LABELS = np.repeat([0, 1], 50)
FILE = Path("model")
MADE = (
    *("Bootstrap", "Candidate", "Criteria", "FittedGroups", "GroupFit", "Initialization"),
    *("Iteration", "LikelihoodRatio", "LikelihoodRatioTests", "ParameterArrays", "Repair"),
    *("Selection", "Snapshot", "Stream"),
)
"""Only the library makes objects of these classes; their methods are called."""
X, Y = {"X": ROWS}, {"X": ROWS, "y": TARGETS}
CALLS: dict[str, dict[str, Any]] = {
    "GaussianMixture.adapt": X,
    "GaussianMixture.conditional": {"columns": 0, "values": 0.5},
    "GaussianMixture.density_region": {"level": 0.5, "n_samples": 50},
    "GaussianMixture.fit_batches": {"batches": [ROWS]},
    "GaussianMixture.from_parameters": {
        "weights": [0.5, 0.5],
        "means": np.zeros((2, 2)),
        "covariances": np.array([np.eye(2)] * 2),
    },
    "GaussianMixture.from_sklearn": {"model": mixture().fit(ROWS).to_sklearn()},
    "GaussianMixture.kl_divergence": {"other": mixture().fit(ROWS), "n_samples": 50},
    "GaussianMixture.kl_divergence_bound": {"other": mixture().fit(ROWS)},
    "GaussianMixture.load": {"path": FILE},
    "GaussianMixture.m_step": {"statistics": mixture().fit(ROWS).e_step(ROWS)},
    "GaussianMixture.marginal": {"columns": [0]},
    "GaussianMixture.merge_components": {"n_components": 1},
    "GaussianMixture.novelty_threshold": {"quantile": 0.1},
    "GaussianMixture.regress": {"X": ROWS[:, :1], "columns": [1]},
    "GaussianMixture.reorder": {"order": [1, 0]},
    "GaussianMixture.save": {"path": Path("saved")},
    "GaussianMixture.score_one": {"x": ROWS[0]},
    "GaussianMixtureClassifier.fit": Y,
    "GaussianMixtureClassifier.partial_fit": Y,
    "GaussianMixtureClassifier.score": Y,
    "GaussianMixtureRegressor.fit": {"X": ROWS[:, :1], "y": ROWS[:, 1]},
    "GaussianMixtureRegressor.score": {"X": ROWS[:, :1], "y": ROWS[:, 1]},
    "GaussianMixtureRegressor.predict": {"X": ROWS[:, :1]},
    "Bootstrap.interval": {},
    "Candidate.rank": {"criterion": "bic"},
    "FittedGroups.score_samples": {"X": ROWS, "labels": LABELS},
    "FittedGroups.predict": {"X": ROWS, "labels": LABELS},
    "SufficientStatistics.about": {"reference": np.zeros((2, 2))},
    "SufficientStatistics.cancels": {"reg_covar": 1e-6},
    "SufficientStatistics.from_bytes": {"content": b""},
    "SufficientStatistics.moved": {"reference": np.zeros((2, 2))},
    "SufficientStatistics.scaled": {"factor": 0.5},
    "SufficientStatistics.total": {"statistics": [mixture().fit(ROWS).e_step(ROWS)]},
    "bootstrap": {"model": mixture().fit(ROWS), "X": ROWS, "n_bootstrap": 3},
    "bootstrap_lrt": {"X": ROWS, "n_bootstrap": 3, "max_components": 2, "n_init": 1},
    "compress": X,
    "fit_many": {"groups": ROWS, "labels": LABELS},
    "fit_with": {"one_pass": lambda model: model.e_step(ROWS), "sample": ROWS},
    "load": {"path": FILE},
    "select": {"X": ROWS, "n_components": 2, "covariance_types": "full", "n_init": 1},
    "sources.batches": {"source": Path("rows.csv")},
    "sources.column_names": {"path": Path("rows.csv")},
    "sources.read_table": {"path": Path("rows.csv")},
    "sources.stream": {"messages": [ROWS[0], ROWS[1]]},
    "plot.check_picture_name": {"path": Path("picture.png")},
    "plot.plot_criterion": {"table": fitted("Selection").table},
    "plot.plot_log_likelihood": {"model": mixture().fit(ROWS)},
    "plot.plot_merging": {"model": mixture().fit(ROWS)},
    "plot.plot_mixture": {"model": mixture().fit(ROWS)},
    "plot.plot_responsibilities": {"model": mixture().fit(ROWS)},
    "plot.plot_stream": {"model": fitted("stream")},
    "plot.plot_uncertainty": {"model": mixture().fit(ROWS), "X": ROWS},
    "plot.save_criterion": {
        "path": Path("picture.svg"),
        "table": fitted("Selection").table,
        "criterion": "bic",
    },
    "plot.save_mixture": {"path": Path("picture.svg"), "model": mixture().fit(ROWS)},
}
"""How each public function is called; a method of another class as that of GaussianMixture, and
what only needs X with X alone."""
EXCLUDED = {
    "GaussianMixture.set_params": "the constructor's are tried",
    "get_include": "it has no parameters",
    "show_config": "it has no parameters",
    "sources.Batches": "batches() makes it",
    "sources.Table": "read_table() makes it",
}
WORK = (
    *("n_init", "max_iter", "n_samples", "n_bootstrap", "n_iter", "max_components"),
    *("warm_start", "batches", "n_components"),
)
"""Numbers of repetitions: a call that was asked for 2**31 of them may go on until it is
interrupted."""
PASSED_ON = ("callback", "decode", "one_pass", "client", "ax")
"""What is called, or belongs to another package: its errors are its own."""

Case = tuple[str, str, Callable[[Any], Any]]
"""A function, a parameter, and the call with a value of it."""


def arguments_of(name: str) -> dict[str, Any] | None:
    """What a function must be given; None where nobody has said."""
    if name in CALLS:
        return CALLS[name]
    plain = f"GaussianMixture.{name.rpartition('.')[2]}"
    return CALLS.get(plain)


def functions() -> Iterator[tuple[str, Callable[..., Any], Callable[[], Any] | None]]:
    """The public functions and methods, and what makes the object of a method."""
    for name in fastgmm.__all__:
        found = getattr(fastgmm, name)
        if inspect.isclass(found):
            for method, function in inspect.getmembers(found, callable):
                if not method.startswith("_") and is_ours(function):
                    bound = inspect.ismethod(function) or not is_bound(found, method)
                    of_stream = method in ("is_novel", "novelty_threshold")
                    owner = "stream" if of_stream else name
                    receiver = None if bound else (lambda owner=owner: fresh(owner))
                    yield f"{name}.{method}", function, receiver
        elif inspect.isfunction(found):
            yield name, found, None
    for module in (fastgmm.sources, fastgmm.plot):
        for name in module.__all__:
            found = getattr(module, name)
            if callable(found):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", found, None


def is_ours(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("fastgmm")


def is_bound(owner: type, method: str) -> bool:
    return not isinstance(inspect.getattr_static(owner, method), staticmethod | classmethod)


def cases() -> Iterator[Case]:
    for name in ("GaussianMixture", "BayesianGaussianMixture"):
        made = getattr(fastgmm, name)
        for parameter in parameters_of(made):
            for method in ("fit", "partial_fit", "fit_batches"):
                yield f"{name}, {method}", parameter, of_constructor(made, parameter, method)
            yield f"{name}.set_params", parameter, of_set(name, parameter)
    for name in ("GaussianMixtureClassifier", "GaussianMixtureRegressor"):
        made = getattr(fastgmm, name)
        for parameter in parameters_of(made):
            yield f"{name}, fit", parameter, of_constructor(made, parameter, "fit")
    for parameter in parameters_of(fastgmm.NormalInverseWishart):
        yield "NormalInverseWishart", parameter, of_prior(parameter)
    for parameter in parameters_of(fastgmm.SufficientStatistics):
        yield "SufficientStatistics", parameter, of_statistics(parameter)
    known = parameters_of(fastgmm.GaussianMixture)
    for name, function, receiver in functions():
        if name in EXCLUDED or name.endswith((".set_params", ".plot")):
            continue
        given = arguments_of(name)
        signature = inspect.signature(function).parameters.values()
        names = [one.name for one in signature if one.kind is not one.VAR_KEYWORD]
        if given is None:
            required = [
                one.name
                for one in signature
                if one.default is one.empty and one.name not in ("self", "X")
            ]
            if required and not set(required) <= {"params"}:
                raise LookupError(f"{name} needs {required}: say in CALLS how it is called")
            given = {"X": ROWS} if "X" in names else {}
        if any(one.kind is one.VAR_KEYWORD for one in signature):
            names += [one for one in known if one not in names]
        for parameter in names:
            if parameter not in ("self", "client"):
                yield name, parameter, of_function(function, receiver, given, parameter)


def parameters_of(made: type) -> list[str]:
    return [name for name in inspect.signature(made).parameters]


def of_constructor(made: type, parameter: str, method: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        params = {"n_components": 2, "random_state": 0, parameter: value}
        if parameter == "n_factors":
            params["covariance_type"] = "low_rank"
        model = made(**params)
        if "Classifier" in made.__name__:
            return model.fit(ROWS, TARGETS).predict_proba(ROWS)
        if "Regressor" in made.__name__:
            return model.fit(ROWS[:, :1], ROWS[:, 1]).predict(ROWS[:, :1])
        getattr(model, method)([ROWS] if method == "fit_batches" else ROWS)
        return model.score_samples(ROWS)

    return call


def of_set(name: str, parameter: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        model = fresh(name).set_params(**{parameter: value})
        return model.score_samples(ROWS), model.predict_proba(ROWS), repr(model)[:1]

    return call


def of_prior(parameter: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        prior = fastgmm.NormalInverseWishart(**{parameter: value})
        return mixture(prior=prior).fit(ROWS).score_samples(ROWS)

    return call


def of_statistics(parameter: str) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        whole = fitted("SufficientStatistics")
        held = {name: getattr(whole, name) for name in parameters_of(type(whole))}
        made = fastgmm.SufficientStatistics(**{**held, parameter: value})
        (made + made).to_bytes()
        return fresh("GaussianMixture").m_step(made).score_samples(ROWS)

    return call


def of_function(
    function: Callable[..., Any],
    receiver: Callable[[], Any] | None,
    given: dict[str, Any],
    parameter: str,
) -> Callable[[Any], Any]:
    def call(value: Any) -> Any:
        arguments = {**given, parameter: value}
        if receiver is None:
            found = function(**arguments)
        else:
            owner = receiver()
            state = owner.__dict__.get("_state") if hasattr(owner, "__dict__") else None
            try:
                found = function(owner, **arguments)
            except Exception:
                if hasattr(owner, "__dict__") and owner.__dict__.get("_state") is not state:
                    raise AssertionError("it raises, and the state is another") from None
                raise
        if isinstance(found, fastgmm.sources.Batches) or inspect.isgenerator(found):
            found = list(found)
        return found

    return call


# ------------------------------------------------------------------ what is right


@cache
def raises_of(path: str) -> list[tuple[int, int]]:
    """The lines of the raise statements of a file."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    return [(n.lineno, n.end_lineno or 0) for n in ast.walk(tree) if isinstance(n, ast.Raise)]


def is_raised_by_us(error: BaseException) -> bool:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    if not frame.filename.startswith(PACKAGE):
        return False
    return any(begin <= (frame.lineno or 0) <= end for begin, end in raises_of(frame.filename))


def place_of(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if PACKAGE in f.filename]
    frame = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename.removeprefix(PACKAGE)}:{frame.lineno} {frame.line}"[:120]


def wrong_with(case: Case, value: Any) -> tuple[str, str]:
    """What a call came to, and what is wrong with that; nothing where that is empty."""
    _, parameter, call = case
    numeric = isinstance(value, int | float | np.number | Fraction)
    big = parameter in WORK and numeric and not isinstance(value, np.timedelta64)
    big = big and bool(abs(value) >= 100)
    begin = time.process_time()
    # Again and again: Python drops what is raised in a callback of the garbage collector.
    signal.setitimer(signal.ITIMER_PROF, 0.1 if big else PATIENCE, PATIENCE)
    try:
        call(value)
        kind = "done"
    except TooLongError:
        signal.setitimer(signal.ITIMER_PROF, 0)
        return "interrupted", "" if big else "it does not end"
    except fastgmm.errors.NotEnoughMemoryError:
        return "NotEnoughMemoryError", ""
    except (ValueError, TypeError, OSError) as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        kind = type(error).__name__
        try:
            text = str(error)
        except Exception as other:
            return kind, f"its message cannot be shown: {other}"
        if isinstance(error, OSError) and error.errno is not None:
            return kind, ""
        if not is_raised_by_us(error) and parameter not in PASSED_ON and not callable(value):
            return kind, f"{kind} not by us: {text[:150]} AT {place_of(error)}"
        if len(text) > LONGEST:
            return kind, f"a message of {len(text)} characters: {text[:100]} AT {place_of(error)}"
        if len(text) < 20:
            return kind, f"a message of {len(text)} characters: {text}"
    except Exception as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if parameter in PASSED_ON or callable(value):
            return type(error).__name__, ""
        return type(error).__name__, f"{type(error).__name__}: {error} AT {place_of(error)}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    took = time.process_time() - begin
    return kind, f"it took {took:.1f} s" if took > SECONDS else ""


def load_others() -> None:
    """Import what calls would import, since that takes time and addresses."""
    fastgmm.plot.save_mixture(Path("picture.svg"), fitted("GaussianMixture"), ROWS)
    fastgmm.sources.read_table(Path("rows.csv"))
    fitted("GaussianMixture").to_sklearn().fit(ROWS)


def run() -> None:
    def ring(*_: object) -> None:
        raise TooLongError

    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    signal.signal(signal.SIGPROF, ring)
    np.savetxt("rows.csv", ROWS, delimiter=",", header="a,b", comments="")
    load_others()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    space = SPACE + pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    fitted("GaussianMixture").save(FILE)
    seen: Counter[str] = Counter()
    wrong: list[Any] = []
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    for i, case in enumerate(cases()):
        if only not in f"{case[0]}({case[1]})":
            continue
        for value in VALUES[i % STEP :: STEP]:
            if only:
                print(case[0], case[1], shown(value), file=sys.__stderr__, flush=True)
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                came_to, bad = wrong_with(case, value)
                if bad.startswith("it took"):  # others may have been at the processor's cache
                    came_to, bad = wrong_with(case, value)
            seen[came_to] += 1
            if bad:
                wrong.append([f"{case[0]}({case[1]})", shown(value), bad])
    print(json.dumps({"seen": seen, "wrong": wrong}))


if __name__ == "__main__":
    # Some calls write files; whoever runs this by hand is not to find them in his folder.
    with TemporaryDirectory() as scratch, chdir(scratch):
        run()
