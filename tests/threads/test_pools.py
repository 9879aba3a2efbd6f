"""threadpoolctl sees the threads of fastgmm, whenever it is imported, and limits them."""

import subprocess
import sys
import threading

import pytest

from fastgmm.threads.processors import available_threads
from fastgmm.version import __version__

threadpoolctl = pytest.importorskip("threadpoolctl", minversion="3.2")

AFTERWARDS = """
import fastgmm
import threadpoolctl
print([one["user_api"] for one in threadpoolctl.threadpool_info()].count("fastgmm"))
"""


def shown() -> dict[str, object]:
    (found,) = (one for one in threadpoolctl.threadpool_info() if one["user_api"] == "fastgmm")
    return dict(found)


def test_it_is_shown_once() -> None:
    found = shown()
    assert found["internal_api"] == "fastgmm"
    assert found["num_threads"] == available_threads()
    assert found["version"] == __version__


@pytest.mark.parametrize("first", ["fastgmm", "threadpoolctl"])
def test_the_order_of_imports_does_not_matter(first: str) -> None:
    code = f"import {first}\n{AFTERWARDS}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_limits_of_all_and_of_fastgmm_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgmm.threads.processors._processors", lambda: 16)
    monkeypatch.setattr("fastgmm.threads.processors._quota", lambda root: None)
    before = available_threads()
    with threadpoolctl.threadpool_limits(1):
        assert available_threads() == shown()["num_threads"] == 1
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(available_threads()))
        thread.start()
        thread.join()
        assert seen == [before], "a limit is that of the thread that sets it"
    assert available_threads() == before
    with threadpoolctl.threadpool_limits({"fastgmm": 2}):
        assert available_threads() == min(2, before)
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert available_threads() == before
