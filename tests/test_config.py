"""What `show_config` says is what runs here."""

import os
from typing import Any

import pytest

import fastgmm
from fastgmm import kernels
from fastgmm.threads import available_threads


def test_it_says_what_runs_here() -> None:
    config = fastgmm.show_config()
    assert list(config) == ["version", "built", "supported", "chosen", "threads", "skip"]
    assert config["version"] == fastgmm.__version__
    assert config["built"] == list(kernels.BUILT)
    assert config["supported"] == list(kernels.SUPPORTED)
    assert config["chosen"] == kernels.CHOSEN.name
    assert config["threads"] == available_threads()
    assert config["skip"] == ("off" if os.environ.get("FASTGMM_SKIP") == "off" else "on")


def test_what_it_prints_is_what_it_returns(capsys: pytest.CaptureFixture[str]) -> None:
    config = fastgmm.show_config()
    lines = capsys.readouterr().out.splitlines()

    def text(value: Any) -> str:
        return ", ".join(value) if isinstance(value, list) else str(value)

    assert [line.split(maxsplit=1) for line in lines] == [
        [name, text(value)] for name, value in config.items()
    ]
    assert (
        len({line.index(text(value)) for line, value in zip(lines, config.values(), strict=True)})
        == 1
    )
    # A reader may change what was returned.
    config["built"].clear()
    assert fastgmm.show_config()["built"]
