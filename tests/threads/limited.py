"""Processes in which few threads can be started, as in containers."""

import _thread
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from fastgmm.threads import helpers


def limit_threads(monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
    """From now on only so many threads more can be started."""
    left = [allowed]

    def limited(start: Callable[..., Any]) -> Callable[..., Any]:
        def started(*args: Any) -> Any:
            if left[0] <= 0:
                raise RuntimeError("can't start new thread")
            left[0] -= 1
            return start(*args)

        return started

    monkeypatch.setattr(helpers, "_idle", deque())
    monkeypatch.setattr(_thread, "start_new_thread", limited(_thread.start_new_thread))
    monkeypatch.setattr(threading.Thread, "start", limited(threading.Thread.start))
