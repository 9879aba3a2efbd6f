"""The page of `sizes.py`: what it has measured, in tables."""

import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from textwrap import fill
from typing import Any

from comparison.report import processor

GOAL = 2.0
"""Cells below this ratio are set in bold."""
WIDTH = 100


def _table(header: list[str], body: list[list[str]]) -> str:
    lines = ["| " + " | ".join(line) + " |" for line in (header, *body)]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]]) + "\n"


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"


def _ratio(ours: float, peer: float, goal: float) -> str:
    ratio = peer / ours
    text = f"{ratio:.2g}x" if ratio < 9.95 else f"{ratio:.0f}x"
    return text if ratio >= goal else f"**{text}**"


def _of_iterations(found: list[dict[str, Any]]) -> Iterator[str]:
    yield (
        "## One iteration\n\nFrom the same start: how many times faster than scikit-learn an "
        "iteration is, what one takes here, and how many times faster is the whole call that does "
        f"one. Bold: under {GOAL:g}x. No number: more memory or time than the table takes.\n"
    )
    worst = sorted(found, key=lambda one: one["peer"] / one["ours"])
    under = sum(one["peer"] / one["ours"] < GOAL for one in found)
    yield f"{len(found)} cells, {under} of them under {GOAL:g}x, the least {_cell(worst[0])}.\n"
    for kind in dict.fromkeys(one["kind"] for one in found):
        of_kind = {(one["D"], one["K"]): one for one in found if one["kind"] == kind}
        if not of_kind:
            continue
        components = sorted({k for _, k in of_kind})
        body = [
            [str(d)] + [_cell(of_kind[d, k]) if (d, k) in of_kind else "" for k in components]
            for d in sorted({d for d, _ in of_kind})
        ]
        yield f"n = {kind}\n\n" + _table(["D", *(f"K = {k}" for k in components)], body)


def _cell(one: dict[str, Any]) -> str:
    ratio = _ratio(one["ours"], one["peer"], GOAL)
    return f"{ratio}, {_seconds(one['ours'])}, {_ratio(one['ours call'], one['peer call'], 0)}"


def _of_default_fits(found: list[dict[str, Any]]) -> Iterator[str]:
    yield (
        "## Default fits\n\nRaw rows and all defaults; medians over seeds; the mean log-likelihood "
        "per row where the fit stops, in nats. Bold: under its goal.\n"
    )
    body = [
        [
            f"{one['n']:,} x {one['d']}, K {one['k']} {one['name']}".strip(),
            _seconds(one["ours"]),
            _seconds(one["peer"]),
            _ratio(one["ours"], one["peer"], one["goal"]),
            f"{one['goal']:g}x",
            f"{one['ours end']:.4f}",
            f"{one['peer end']:.4f}",
        ]
        for one in found
    ]
    header = ["rows", "fastgmm", "scikit-learn", "ratio", "goal", "likelihood", "scikit-learn's"]
    yield _table(header, body)


def _of_selection(one: dict[str, Any]) -> Iterator[str]:
    yield "## A choice among 54 models\n"
    text = (
        f"`select` on faithful: {_seconds(one['ours'])} for 54 fits of ten starts; the best is "
        f"{one['best']}, BIC {one['bic']:.2f}."
    )
    if "14 models" in one:
        text += (
            f" mclust {one['mclust']}, one start each: {_seconds(one['14 models'])} for its 14 "
            f"models and 9 sizes, {_seconds(one['6 models'])} for the 54 of them that are these; "
            f"its best BIC {one['mclust bic']:.2f}."
        )
    yield text + "\n"


def _of_many(one: dict[str, Any]) -> Iterator[str]:
    yield "## Many models\n\n1,000 models of 200 x 3 rows, K 2, by the wall clock.\n"
    names = {"peer": "a loop over scikit-learn", "loop": "a loop over `fit`, one thread"}
    body = [
        [names.get(name, name), _seconds(value), _ratio(value, one["peer"], 0)]
        for name, value in one.items()
    ]
    yield _table(["", "time", "ratio"], body)


def _of_streams(found: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Streams\n\n`partial_fit`, after the first model was made.\n"
    body = [
        [f"{one['d']}, K {one['k']}", f"{one['batch']:,}", f"{one['rows/s'] / 1e6:.3g} million"]
        for one in found
    ]
    yield _table(["D", "rows per call", "rows per second"], body)


PARTS: dict[str, Callable[[Any], Iterator[str]]] = {
    "iteration": _of_iterations,
    "default": _of_default_fits,
    "select": _of_selection,
    "many": _of_many,
    "stream": _of_streams,
}


def page(found: dict[str, Any], minutes: float) -> str:
    """The whole page."""
    lines = [
        "# fastgmm beside scikit-learn, at every size\n",
        f"`python benchmarks/sizes.py --output benchmarks/sizes.md` has made this page in "
        f"{minutes:.0f} minutes, on {processor()} ({os.cpu_count()} processors, load "
        f"{os.getloadavg()[0]:.1f} at the end), with Python {platform.python_version()}, NumPy "
        f"{version('numpy')} and scikit-learn {version('scikit-learn')}. One thread, processor "
        "time, medians of runs in turns.\n",
    ]
    for name, words in PARTS.items():
        if name in found:
            lines += words(found[name])
    # Prose keeps to the width of the other pages; tables and titles are lines of their own.
    text = "\n".join(lines)
    return "\n".join(line if line[:1] in "|#" else fill(line, WIDTH) for line in text.split("\n"))
