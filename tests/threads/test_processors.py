"""How many threads: the least of all limits, and fewer where other threads compute."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fastgmm import GaussianMixture, threads
from fastgmm.threads import processors
from fastgmm.threads.processors import (
    VARIABLES,
    Claim,
    as_helper,
    available_threads,
    free_threads,
    limit_threads,
)

LOKY = """
import joblib
def threads():
    from fastgmm.threads.processors import available_threads
    return available_threads()
if __name__ == "__main__":
    import json, os
    os.environ["LOKY_MAX_CPU_COUNT"] = "{processors}"
    with joblib.parallel_config("loky", inner_max_num_threads={inner}):
        print(json.dumps(joblib.Parallel(n_jobs=2)(joblib.delayed(threads)() for _ in range(3))))
"""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with 16 processors, on which nothing limits anything."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(processors, "_processors", lambda: 16)
    monkeypatch.setattr(processors, "_quota", lambda root: None)
    yield
    limit_threads(10**6)
    assert processors._count.busy == 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no processes")
def test_processors_that_the_process_may_not_use_do_not_count() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert available_threads() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert 1 <= available_threads() <= len(before)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", 3), (" 4 ", 4), ("2,8", 2), ("64", 16), ("", 16), ("0", 16), ("-2", 16), ("two", 16)],
)
def test_variables(monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: int) -> None:
    monkeypatch.setenv(name, text)
    assert available_threads() == free_threads() == expected


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "250000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 2),
        ("0::/a/b\n", {"a/cpu.max": "800000 100000", "a/b/cpu.max": "10000 100000"}, 1),
        ("0::/not/seen/from/inside\n", {"cpu.max": "400000 100000"}, 4),
        (
            "2:cpuacct,cpu:/pod\n1:memory:/pod\n0::/\n",
            {"cpu/pod/cpu.cfs_quota_us": "500000\n", "cpu/pod/cpu.cfs_period_us": "100000\n"},
            5,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("1:cpuset:/\n", {"cpu/cpu.cfs_quota_us": "1\n", "cpu/cpu.cfs_period_us": "1\n"}, None),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "500000\n"}, None),
        ("0::/\n", {"cpu.max": "damaged"}, None),
    ],
)
def test_the_quota_of_a_container(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int | None
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert processors._quota(str(tmp_path)) == expected


def test_no_quota_where_there_are_no_control_groups(tmp_path: Path) -> None:
    assert processors._quota(str(tmp_path)) is None


def test_the_quota_is_a_limit(machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_quota", lambda root: 5)
    assert available_threads() == 5


@pytest.mark.usefixtures("machine")
def test_a_limit_is_one_of_its_thread_and_of_the_helpers_that_it_starts() -> None:
    limit_threads(3)
    assert available_threads() == free_threads() == 3
    seen: list[int] = []
    begin = as_helper()

    def helper() -> None:
        begin()
        seen.append(available_threads())

    for target in (lambda: seen.append(available_threads()), helper):
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
    assert seen == [16, 3]
    limit_threads(16)
    assert available_threads() == 16


@pytest.mark.usefixtures("machine")
def test_claims_take_what_is_free_and_give_it_back() -> None:
    with Claim(16, exactly=False) as first:
        assert first == 16
        assert free_threads() == 1
        with Claim(16, exactly=False) as second:
            assert second == 1
        with Claim(4, exactly=True) as third:
            assert third == 4, "what is asked for by number is given"
    with Claim(5, exactly=True), Claim(16, exactly=False) as rest:
        assert rest == 11
        assert free_threads() == 1
    assert free_threads() == 16
    with pytest.raises(ZeroDivisionError), Claim(16, exactly=False):
        _ = 1 / 0
    assert free_threads() == 16


@pytest.mark.usefixtures("machine")
def test_a_helper_is_counted_once() -> None:
    seen: list[int] = []

    def one(i: int, cancelled: threading.Event) -> None:
        with Claim(1, exactly=True):
            seen.append(processors._count.busy)
        with Claim(16, exactly=False) as claimed:
            seen.append(claimed)

    for _ in threads.as_they_end([0, 1, 2], one, 1, threading.Event()):
        pass
    assert seen == [1, 16] * 3


@pytest.mark.usefixtures("machine")
def test_of_sixteen_passes_side_by_side_the_first_alone_has_more_than_one_thread() -> None:
    """The next pass of that fit has one as well, as fifteen others compute by then."""
    claimed, all_compute, first_is_done = list[int](), threading.Barrier(16), threading.Event()

    def fit() -> None:
        all_compute.wait(60.0)
        with Claim(16, exactly=False) as n:
            claimed.append(n)
            all_compute.wait(60.0)
            if n == 1:
                first_is_done.wait(60.0)
        if n > 1:
            with Claim(16, exactly=False) as n:
                claimed.append(n)
            first_is_done.set()

    every = [threading.Thread(target=fit) for _ in range(16)]
    for thread in every:
        thread.start()
    for thread in every:
        thread.join()
    assert claimed == [16] + [1] * 16


@pytest.mark.usefixtures("machine")
def test_results_do_not_depend_on_what_is_free() -> None:
    X = np.random.default_rng(0).normal(size=(40_000, 2))
    model = GaussianMixture(3, tol=10.0, init_params="random_from_data", random_state=0)
    alone = model.fit(X).means_
    with Claim(16, exactly=True):
        np.testing.assert_array_equal(model.fit(X).means_, alone)
    with Claim(14, exactly=True):
        np.testing.assert_array_equal(model.fit(X).means_, alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_counts_from_nothing() -> None:
    with Claim(4, exactly=True):
        if (child := os.fork()) == 0:
            os._exit(processors._count.busy)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(("cpus", "inner", "expected"), [(8, 1, 1), (2, None, 1), (8, 3, 3)])
def test_workers_of_loky_have_what_joblib_gives_them(
    tmp_path: Path, cpus: int, inner: int | None, expected: int
) -> None:
    pytest.importorskip("joblib")
    script = tmp_path / "script.py"
    script.write_text(LOKY.format(processors=cpus, inner=inner))
    environment = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    done = subprocess.run(
        [sys.executable, script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [min(expected, available_threads())] * 3


def test_workers_of_dask_have_what_their_nanny_gives_them() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert client.submit(available_threads).result(timeout=60) == 1
