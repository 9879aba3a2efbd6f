"""Forks, spawns, pickles and threads: a model works in whatever process it finds itself.

Every test runs a script in an interpreter of its own, and a watchdog inside each process
(faulthandler.dump_traceback_later) turns a hang into a failure that shows where it hung.
"""

import copy
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fastgmm import GaussianMixture

PATIENCE = 60

PRELUDE = f"""
import faulthandler, multiprocessing, os, sys, threading, warnings
PATIENCE = {PATIENCE}
faulthandler.dump_traceback_later(PATIENCE, exit=True)
# Python 3.12 warns about any fork of a process with threads; that it works here is being tested.
warnings.simplefilter("ignore", DeprecationWarning)
warnings.filterwarnings("ignore", message=".*did not converge")
import _thread
import numpy as np
from fastgmm import GaussianMixture

n_helpers, start_new_thread = [0], _thread.start_new_thread

def counting(*args):
    n_helpers[0] += 1
    return start_new_thread(*args)

_thread.start_new_thread = counting

def rows(seed=0):
    # A block has at most 16384 rows: these give each of three threads one.
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(4, 4))
    x = generator.normal(size=(50000, 4)) @ mixing
    x[::2] += 6.0
    return x

def fit(n_threads=3):
    start = dict(init_params="random_from_data", random_state=0)
    model = GaussianMixture(2, n_threads=n_threads, max_iter=5, tol=1e-12, **start)
    model.fit(rows())
    # A helper that comes late may find nothing left to do.
    assert n_threads == 1 or n_helpers[0] > 0, "no helper was called"
    return model

def digest(model):
    scores = model.score_samples(rows(1))
    return model.means_.tobytes() + model.covariances_.tobytes() + scores.tobytes()
"""


def run_script(directory: Path, body: str, **environment: str) -> str:
    """Run a script in a process group of its own, which ends with it; return what it printed."""
    script = directory / "script.py"
    script.write_text(PRELUDE + body, encoding="utf-8")
    # -P: neither the script's directory nor the clone's root hides the installed package.
    process = subprocess.Popen(
        [sys.executable, "-P", str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=2 * PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        pytest.fail(f"the script did not end\n{out}\n{err}")
    assert process.returncode == 0, f"exit status {process.returncode}\n{out}\n{err}"
    return out.strip()


FORK = """
def in_child(work):
    # The watchdog is a thread: no child has it, and a child that re-arms it waits for it forever.
    faulthandler.cancel_dump_traceback_later()
    pid = os.fork()
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    if pid == 0:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@needs_fork
@pytest.mark.parametrize("parent_threads", [1, 3])
@pytest.mark.parametrize("child_threads", [1, 3])
def test_fit_after_fork(tmp_path: Path, parent_threads: int, child_threads: int) -> None:
    body = f"""
before = digest(fit({parent_threads}))
print(in_child(lambda: digest(fit({child_threads})) == before))
assert digest(fit({parent_threads})) == before
"""
    assert run_script(tmp_path, FORK + body) == "0"


@needs_fork
def test_fitted_model_works_in_the_child(tmp_path: Path) -> None:
    body = """
model = fit()
before = digest(model)
print(in_child(lambda: digest(model) == before and in_child(lambda: digest(model) == before) == 0))
assert digest(model) == before
"""
    assert run_script(tmp_path, FORK + body) == "0"


@needs_fork
def test_fork_while_another_thread_fits(tmp_path: Path) -> None:
    """What was under way in the parent's pool must not be waited for in the child."""
    body = """
expected = digest(fit())
started, stop = threading.Event(), threading.Event()

def busy():
    while not stop.is_set():
        GaussianMixture(2, n_threads=3, random_state=0, max_iter=2).fit(
            rows(), callback=lambda *_: started.set()
        )

thread = threading.Thread(target=busy)
thread.start()
started.wait()
print([in_child(lambda: digest(fit()) == expected) for _ in range(4)])
stop.set()
thread.join()
assert digest(fit()) == expected
"""
    assert run_script(tmp_path, FORK + body) == "[0, 0, 0, 0]"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    """A model sent out, a fit in the children and a model sent back: the same bits everywhere."""
    body = f"""
def child(model):
    return digest(model), digest(fit()), fit()

if __name__ == "__main__":
    if "{method}" not in multiprocessing.get_all_start_methods():
        print("skip")
        sys.exit()
    model = fit()
    expected = digest(model)
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        for sent, fitted, back in pool.map(child, [model] * 3, chunksize=1):
            assert sent == expected
            assert fitted == expected
            assert digest(back) == expected
    print("same")
"""
    answer = run_script(tmp_path, body)
    if answer == "skip":
        pytest.skip(f"this system has no {method}")
    assert answer == "same"


def test_interpreter_exits_after_fit(tmp_path: Path) -> None:
    """Idle workers of the pool must not keep the process alive."""
    assert run_script(tmp_path, "fit(8)\nprint('end')\n") == "end"


def test_fit_inside_a_daemon_thread_lets_the_interpreter_exit(tmp_path: Path) -> None:
    body = """
started = threading.Event()

def forever():
    while True:
        model = GaussianMixture(2, n_threads=2, random_state=0, max_iter=2)
        model.fit(rows(), callback=lambda *_: started.set())

threading.Thread(target=forever, daemon=True).start()
started.wait()
print("end")
"""
    assert run_script(tmp_path, body).splitlines()[0] == "end"


def test_fits_in_several_threads_at_once(tmp_path: Path) -> None:
    body = """
from concurrent.futures import ThreadPoolExecutor
expected = digest(fit())
with ThreadPoolExecutor(4) as pool:
    answers = list(pool.map(lambda n: digest(fit(n)), [1, 2, 3, 8] * 2))
print(all(a == expected for a in answers))
"""
    assert run_script(tmp_path, body) == "True"


def test_pool_survives_an_error_and_stays_small(tmp_path: Path) -> None:
    body = """
expected = digest(fit())

def fail(*_):
    raise KeyError("from the callback")

for i in range(30):
    try:
        GaussianMixture(2, n_threads=1 + i % 4, random_state=0).fit(rows(), callback=fail)
    except KeyError as error:
        assert error.args == ("from the callback",)
    else:
        raise AssertionError("the callback's error was lost")
assert digest(fit(4)) == expected
print(len(sys._current_frames()))
"""
    # The main thread and its helpers, not some for each call: one may be on its way to be idle.
    assert int(run_script(tmp_path, body)) <= 1 + 2 + 3 + 4


def data(seed: int, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[np.floating]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(400, 3)) @ generator.normal(size=(3, 3))
    x[:150] += 4.0
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_every_bit(protocol: int, covariance_type: str, dtype: npt.DTypeLike) -> None:
    x = data(1, dtype)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0, n_threads=2).fit(x)
    back = pickle.loads(pickle.dumps(model, protocol))
    assert back.get_params() == model.get_params()
    for name in vars(model):
        if name.endswith("_") and not name.startswith("_"):
            np.testing.assert_array_equal(getattr(back, name), getattr(model, name), err_msg=name)
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        value = getattr(back, name)
        assert value.dtype == getattr(model, name).dtype
        assert value.tobytes() == getattr(model, name).tobytes()
    assert back.score_samples(x).tobytes() == model.score_samples(x).tobytes()
    assert back.predict_proba(x).tobytes() == model.predict_proba(x).tobytes()


def test_pickle_and_deepcopy_of_an_unfitted_model() -> None:
    model = GaussianMixture(3, covariance_type="diag", n_init=4, random_state=7)
    for back in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert back.get_params() == model.get_params()
        assert not hasattr(back, "means_")


def test_deepcopy_is_independent() -> None:
    x = data(2)
    model = GaussianMixture(2, random_state=0).fit(x)
    before = model.score_samples(x)
    twin = copy.deepcopy(model)
    twin.fit(data(3) + 50.0)
    np.testing.assert_array_equal(model.score_samples(x), before)
    assert abs(twin.means_ - model.means_).max() > 10.0


def test_pickled_model_goes_on_from_where_it_stood() -> None:
    """warm_start works on the fitted state, so that state has to travel."""
    x = data(4)
    start = {"means_init": x[:2], "weights_init": [0.5, 0.5], "precisions_init": [np.eye(3)] * 2}
    model = GaussianMixture(2, **start, warm_start=True, max_iter=2, tol=1e-12)
    with pytest.warns(match="converge"):
        model.fit(x)
    back = pickle.loads(pickle.dumps(model))
    for each in (model, back):
        with pytest.warns(match="converge"):
            each.fit(x)
    assert back.means_.tobytes() == model.means_.tobytes()
    assert back.lower_bound_ == model.lower_bound_
