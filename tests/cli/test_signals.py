"""SIGTERM raises what Ctrl-C raises, while a command runs and no longer."""

import os
import signal
import threading

import pytest

from fastgmm.cli.signals import Terminated, terminable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


def test_sigterm_ends_a_block() -> None:
    with pytest.raises(Terminated), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_choice_of_a_process_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with terminable():
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_set_no_handler() -> None:
    found = []

    def block() -> None:
        with terminable():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
