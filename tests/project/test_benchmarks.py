"""The benchmarks run, on frozen data, and their scripts say what is so. No time is tested."""

import importlib
import importlib.util
import inspect
import shutil
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from benchmarks.memory import peak_above
from comparison.cases import CASES, Case
from comparison.child import Variant
from comparison.measure import Line, Measurement, Options, Result, measure_case
from comparison.referee import LIVE, TOLERANCES, full_covariances, judge
from comparison.report import render, summary, threads

from benchmarks import common

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    "fit",
    "gaps",
    "grid",
    "initialization",
    "kernels",
    "labels",
    "low_rank",
    "many",
    "package",
    "scoring",
    "small",
)
PREFIXES = ("time_", "track_", "peakmem_")


def _benchmarks():
    for name in MODULES:
        module = importlib.import_module(f"benchmarks.{name}")
        for class_name, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and not class_name.startswith("_"):
                yield pytest.param(kind, id=f"{name}.{class_name}")


def _methods(kind):
    return [name for name in dir(kind) if name.startswith(PREFIXES)]


def _covering(parameters):
    """Combinations that have each value of each parameter, and not each with each."""
    longest = max(map(len, parameters), default=1)
    return {tuple(values[i % len(values)] for values in parameters): None for i in range(longest)}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(common, "ROW_LIMIT", 300)
    monkeypatch.setattr(common, "FEATURE_LIMIT", 16)
    for name in ("fit", "initialization", "small"):
        monkeypatch.setattr(importlib.import_module(f"benchmarks.{name}"), "SEEDS", range(1))
    for name in ("grid", "small"):
        monkeypatch.setattr(importlib.import_module(f"benchmarks.{name}"), "SIZES", range(1, 3))
    monkeypatch.setattr(importlib.import_module("benchmarks.many"), "REPLICATES", 5)


# ---------------------------------------------------------------------- data


@pytest.mark.parametrize("name", common.RECIPES)
def test_rows_are_the_frozen_bytes(name):
    common.check(name)


def test_every_recipe_has_a_digest():
    assert set(common.DIGESTS) == set(common.RECIPES)
    assert len(set(common.DIGESTS.values())) == len(common.RECIPES)


def test_rows_of_any_size_are_the_frozen_bytes():
    assert common.sized_digest() == common.SIZED_DIGEST
    many = common.sized_rows(2 * common.CHUNK + 1, 3, 4)
    for n in (1, common.CHUNK, common.CHUNK + 1):
        assert np.array_equal(common.sized_rows(n, 3, 4), many[:n])
    rows, start = common.sized_rows(40_000, 3, 4), common.sized_start(3, 4)
    away = start.means - start.means.mean(axis=0)
    np.testing.assert_allclose(rows.mean(axis=0), start.means.mean(axis=0), atol=0.15)
    covariance = start.covariances[0] + away.T @ away / 4.0
    np.testing.assert_allclose(np.cov(rows.T), covariance, atol=0.3)


def test_a_changed_recipe_is_found(monkeypatch):
    changed = common.Recipe("full", 2, 8, 2.001, 0.3, 104)
    monkeypatch.setitem(common.RECIPES, "full-2-8", changed)
    with pytest.raises(RuntimeError, match="append a new one"):
        common.check("full-2-8")


def test_the_first_rows_do_not_depend_on_their_number():
    many = common.rows("full-8-10", 2 * common.CHUNK + 1)
    for n in (1, common.CHUNK - 1, common.CHUNK, common.CHUNK + 1):
        assert np.array_equal(common.rows("full-8-10", n), many[:n])
    assert np.array_equal(common.rows("full-8-10", 9, "float32"), many[:9].astype(np.float32))


@pytest.mark.parametrize("name", common.RECIPES)
def test_rows_are_exact_sums(name):
    """On the grid, and small enough for sums without rounding: no BLAS can change them."""
    rows = common.rows(name, 2000)
    assert np.array_equal(np.rint(rows * 2.0**26), rows * 2.0**26)
    assert np.abs(rows).max() < 2.0**20


@pytest.mark.parametrize("name", ["full-8-10", "tied-8-10", "diag-8-10", "spherical-8-10"])
def test_rows_come_from_the_mixture(name):
    rows, mixture = common.rows(name, 40_000), common.mixture(name)
    mean = mixture.weights @ mixture.means
    away = mixture.means - mean
    covariances = mixture.roots @ mixture.roots.swapaxes(1, 2)
    covariance = np.tensordot(mixture.weights, covariances, 1) + (away.T * mixture.weights) @ away
    np.testing.assert_allclose(rows.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(rows.T), covariance, atol=0.15)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("full-16-16", 0.98, 1.0), ("diag-32-64", 0.98, 1.0), ("full-64-32-separated", 0.03, 0.04)],
)
def test_live_shares_are_as_described(name, low, high):
    rows, mixture = common.rows(name, 2000), common.mixture(name)
    covariances = mixture.roots @ mixture.roots.swapaxes(1, 2)
    assert low <= judge(rows, mixture.weights, mixture.means, covariances)[1] <= high


# ---------------------------------------------------------------------- asv


@pytest.mark.parametrize("kind", list(_benchmarks()))
def test_every_benchmark_runs(kind, tiny):
    methods = _methods(kind)
    assert methods
    parameters = getattr(kind, "params", ())
    assert len(parameters) == len(getattr(kind, "param_names", ()))
    ran = 0
    for combination in _covering(parameters):
        instance = kind()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                getattr(instance, "setup", lambda *_: None)(*combination)
            except NotImplementedError:
                continue
            for name in methods:
                found = getattr(instance, name)(*combination)
                assert (found is None) != name.startswith("track_")
                assert found is None or np.isfinite(found)
                ran += 1
    assert ran


# ---------------------------------------------------------------------- peers


def _mixture(k=3, d=2):
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(k, d, d)) * 0.3 + np.eye(d)
    return rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), roots @ roots.swapaxes(1, 2)


def test_the_referee_knows_the_density():
    weights, means, covariances = _mixture()
    rows = np.random.default_rng(1).normal(size=(50, 2))
    density = np.zeros((50, 3))
    for k in range(3):
        away = rows - means[k]
        exponent = -0.5 * np.einsum("ij,jk,ik->i", away, np.linalg.inv(covariances[k]), away)
        norm = 2 * np.pi * np.sqrt(np.linalg.det(covariances[k]))
        density[:, k] = weights[k] * np.exp(exponent) / norm
    log_likelihood, live = judge(rows, weights, means, covariances)
    assert log_likelihood == pytest.approx(np.log(density.sum(axis=1)).mean(), rel=1e-12)
    shares = density / density.sum(axis=1, keepdims=True)
    assert live == (shares > LIVE).mean()


def test_covariances_of_all_shapes():
    eye = np.eye(2)
    assert np.array_equal(full_covariances(2 * eye, "tied", (3, 2)), [2 * eye] * 3)
    assert np.array_equal(full_covariances(np.ones((3, 2)), "diag", (3, 2)), [eye] * 3)
    assert np.array_equal(full_covariances(np.ones(3), "spherical", (3, 2)), [eye] * 3)


def test_cases_name_what_there_is():
    for name, case in CASES.items():
        assert case.recipe in common.RECIPES, name
        assert set(case.bars) <= {"scikit-learn", "oneDAL", "one thread"}
        assert case.iterations[0] < case.iterations[1]


def _options(log, **changed):
    given = {
        "repeats": 1,
        "n_threads": 1,
        "peers": ("fastgmm", "scikit-learn"),
        "isas": ("",),
        "pythons": dict.fromkeys(("fastgmm", "scikit-learn", "oneDAL"), sys.executable),
        "cpus": [],
        "timeout": 120.0,
        "slow": 120.0,
        "clock": "cpu",
        "log": log,
    }
    return Options(**{**given, **changed})


@pytest.mark.parametrize("case_name", ["full-2-8", "default-fit", "score-million", "one-row-proba"])
def test_a_tiny_comparison(case_name, tiny, tmp_path):
    """Children, rounds, referee and tables, with the peers that the tests have."""
    pytest.importorskip("sklearn")
    with open(tmp_path / "log", "w", encoding="utf-8") as log:
        options = _options(log)
        result = measure_case(case_name, CASES[case_name], tmp_path, options)
        text = render([result], options, "python benchmarks/peers.py")
    assert [line.reason for line in result.lines] == ["", ""], (tmp_path / "log").read_text()
    assert [len(line.seconds) for line in result.lines] == [1, 1]
    likelihoods = [line.log_likelihoods[0] for line in result.lines]
    if case_name != "default-fit":
        assert abs(likelihoods[0] - likelihoods[1]) < TOLERANCES["float64"]
    assert 0 < result.live_share <= 1
    assert "scikit-learn" in text


def test_a_peer_that_does_not_run_has_its_reason(tiny, tmp_path):
    with open(tmp_path / "log", "w", encoding="utf-8") as log:
        options = _options(log, peers=("oneDAL",))
        result = measure_case("tied-16-16", CASES["tied-16-16"], tmp_path, options)
        text = render([result], options, "")
    assert result.lines[0].reason == "em_gmm has no tied covariances"
    assert "not measured: em_gmm has no tied covariances" in text


def _line(peer, seconds, **changed):
    return Line(peer, peer, 1, [seconds], **changed)


def test_who_did_other_iterations_is_out():
    case = Case("iteration", "full-2-8", 10)
    lines = [_line("fastgmm", 1.0), _line("scikit-learn", 2.0), _line("oneDAL", 3.0)]
    for line, found in zip(lines, (-1.0, -1.0 + 1e-12, -1.0 - 1e-6), strict=True):
        line.log_likelihoods.append(found)
    work = Measurement(case, None, None, None)
    work.children = [(None, line) for line in lines]
    work.compare_likelihoods()
    assert [bool(line.reason) for line in lines] == [False, False, True]


def test_ratios_and_bars():
    case = Case("iteration", "full-16-16", 10, {"scikit-learn": 14, "oneDAL": 3})
    lines = [
        _line("fastgmm", 0.01, peak_mb=17.0),
        _line("scikit-learn", 0.15),
        _line("oneDAL", 0.029),
    ]
    text = summary([Result("full-16-16", case, lines, 0.5)])
    assert "15.0x (reaches 14x)" in text
    assert "**2.9x** (bar 3x)" in text
    assert "**17.0** (bar 16)" in text
    assert "| 50% |" in text


def test_gain_of_threads():
    case = Case("iteration", "full-16-16", 10, {"one thread": 1.85}, threads=(1, 2))
    lines = [Line(f"fastgmm, {n} threads", "fastgmm", n, [1.9 / n]) for n in (1, 2)]
    text = threads([Result("x", case, lines)])
    assert "2.0x (reaches 1.85x)" in text
    assert Variant("fastgmm", 2, "x86-64-v3", True).label == "fastgmm x86-64-v3, 2 threads"


def test_peak_memory_is_that_of_the_call():
    # 64 MB: glibc maps more than 32 MB anew, and does not take it from what was freed before
    peak = peak_above(lambda: np.ones(8_000_000))
    if peak is None:
        pytest.skip("the system does not tell the peak")
    assert 62 < peak < 80


# ---------------------------------------------------------------------- sizes


@pytest.mark.filterwarnings("ignore")
def test_sizes_beside_the_peer(monkeypatch):
    """A page of all parts, at tiny sizes."""
    sizes = importlib.import_module("sizes")
    monkeypatch.setattr(sizes, "DEFAULT_FITS", sizes.DEFAULT_FITS[:1])
    monkeypatch.setattr(sizes, "MODELS", 4)
    monkeypatch.setattr(sizes, "MOST_ITERATIONS", 8)
    monkeypatch.setattr(sizes, "STREAMS", ((500, 2, 2),))
    monkeypatch.setattr(sizes, "selection", lambda arguments: {"ours": 1.0, "bic": 2.0, "best": ""})
    given = {"rows": ["2 K D", "50,000"], "components": [2, 5], "features": [3, 9]}
    arguments = SimpleNamespace(**given, limit=0.1, seconds=0.0, seeds=1)
    found = {name: part(arguments) for name, part in sizes.PARTS.items() if name != "select"}
    text = sizes.page(found | {"select": sizes.selection(arguments)}, 1.0)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## One iteration",
        "## Default fits",
        "## A choice among 54 models",
        "## Many models",
        "## Streams",
    ]
    assert all(one["ours"] > 0.0 and abs(one["difference"]) < 1e-9 for one in found["iteration"])
    assert sizes.rows_of("2 K D", 512, 512, 1e9) == 0  # more memory than the table takes


def test_a_jump_is_beyond_the_arithmetic():
    cost = importlib.import_module("cost_model")
    walk = cost.Walk("", [(100, 2, 3), (200, 2, 3)])
    pair = tuple(walk.sizes)
    assert cost.jump(walk, pair, (1.0, 2.0)) == pytest.approx(1.0, rel=1e-2)
    assert cost.jump(walk, pair, (1.0, 1.2)) == pytest.approx(1.0, rel=1e-2)
    assert cost.jump(walk, pair, (1.0, 4.0)) == pytest.approx(2.0, rel=1e-2)
    assert cost.jump(walk, pair, (2.0, 1.0)) == pytest.approx(0.5, rel=1e-2)
    names = [one.name for one in cost.walks()]
    assert len(set(names)) == len(names)
    timer = cost.prepared(walk, (60, 2, 2))
    assert cost.in_turns([timer], 2)[0] > 0.0


# ---------------------------------------------------------------------- roofline


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_roofline(tmp_path, monkeypatch):
    roofline = importlib.import_module("roofline")
    monkeypatch.setattr(roofline, "SECONDS", 0.001)
    from fastgmm import kernels

    isa = kernels.CHOSEN.name
    if isa not in roofline.TARGETS:
        pytest.skip(f"no peak for {isa}")
    operations, seconds = roofline.build_peak(isa, "float64", tmp_path)()
    assert operations > 0
    assert seconds > 0
    for operations, call in roofline.kernel_calls(isa, "float64", 64, 2, 100).values():
        call()
        assert operations % (100 * 2 * (64 * 65 + 3 * 64)) == 0


# ---------------------------------------------------------------------- two commits


def _compare():
    spec = importlib.util.spec_from_file_location("compare", ROOT / "ci" / "compare.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare"] = module
    spec.loader.exec_module(module)
    return module


def _document(**results):
    columns = ["result", "params", "stats_ci_99_a", "stats_ci_99_b"]
    return {"result_columns": columns, "results": results}


def test_what_changed_between_two_commits():
    compare = _compare()
    two = [["'a'", "'b'"]]
    base = _document(
        time_slower=[[1.0, 1.0], two, [0.9, 0.9], [1.1, 1.1]],
        time_faster=[[1.0], [], [0.9], [1.1]],
        time_noisy=[[1.0], [], [0.5], [2.0]],
        track_bytes=[[100], []],
        track_log_likelihood=[[-3.0], []],
        time_breaks=[[1.0], []],
        time_gone=[[1.0], []],
    )
    head = _document(
        time_slower=[[1.0, 2.0], two, [0.9, 1.9], [1.1, 2.1]],
        time_faster=[[0.5], [], [0.4], [0.6]],
        time_noisy=[[1.5], [], [0.9], [2.0]],
        track_bytes=[[101], []],
        track_log_likelihood=[[-2.99999], []],
        time_breaks=[None, []],
    )
    found = {change.name: change.worse for change in compare.changes(base, head, 1.1)}
    assert found == {
        "time_slower('b')": True,
        "time_faster": False,
        "track_log_likelihood": True,
        "time_breaks": True,
    }
    text = compare.report(compare.changes(base, head, 1.1))
    assert "time_slower('b'): 1 -> 2  x 2.00" in text
    assert "time_breaks: 1 -> does not run" in text
    assert compare.report(compare.changes(base, base, 1.1)) == "nothing changed"
