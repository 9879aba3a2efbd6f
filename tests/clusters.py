"""A dask cluster of processes on this machine, which several test modules share."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

distributed = pytest.importorskip("distributed")


@contextmanager
def cluster(n_workers: int = 2, threads: int = 1) -> Generator[Any]:
    """A client of a new cluster: its scheduler and workers listen on the loopback alone."""
    with (
        distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address=":0",
            silence_logs=50,
        ) as made,
        distributed.Client(made) as client,
    ):
        yield client


def kill_a_worker(client: Any) -> int:
    """Kill one worker process of a cluster as the system would; its nanny starts another."""
    pids: dict[str, int] = client.run(os.getpid)
    pid = pids[min(pids)]
    os.kill(pid, signal.SIGKILL)
    return pid
