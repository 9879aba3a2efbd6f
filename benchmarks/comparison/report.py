"""The Markdown tables."""

import os
import platform
import statistics
from pathlib import Path

from comparison.cases import MAIN_PEERS, MEMORY_BAR, Case
from comparison.measure import Line, Options, Result

UNITS = {
    "iteration": "s per EM iteration",
    "default fit": "s, raw rows to convergence",
    "score": "s for all rows",
    "one row": "µs per call",
}


def _table(header: list[str], body: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def work_of(case: Case) -> str:
    """Say what is done."""
    kind, d, k = case.recipe.split("-")[:3]
    if case.kind == "default fit":
        return f"fit, {case.n_rows:,} x {d}, K {k}"
    if case.kind == "one row":
        return f"one row, D {d}, K {k}: {case.method}"
    dtype = "" if case.dtype == "float64" else f", {case.dtype}"
    action = f"{case.method}, " if case.kind == "score" else ""
    return f"{action}{kind}, {case.n_rows:,} x {d}, K {k}{dtype}"


def _time(seconds: float | None, case: Case) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e6:.3g}" if case.kind == "one row" else f"{seconds:.3g}"


def _ratio(slower: float | None, faster: float | None, bar: float | None) -> str:
    if slower is None or faster is None:
        return "-"
    ratio = f"{slower / faster:.{0 if slower > 100 * faster else 1}f}x"
    if bar is None:
        return ratio
    return (
        f"{ratio} (reaches {bar:g}x)" if slower / faster >= bar else f"**{ratio}** (bar {bar:g}x)"
    )


def _memory(peak: float | None, bar: float | None = None) -> str:
    if peak is None:
        return "-"
    return f"**{peak:.1f}** (bar {bar:g})" if bar is not None and peak > bar else f"{peak:.1f}"


def _first(result: Result, peer: str) -> Line | None:
    return next((line for line in result.lines if line.peer == peer), None)


def _fitted_higher(result: Result, own: Line) -> str:
    """How the log-likelihoods of default fits compare: faster must not be lower."""
    other = _first(result, "scikit-learn")
    if result.case.kind != "default fit" or other is None:
        return ""
    if not own.log_likelihoods or not other.log_likelihoods:
        return ""
    gap = statistics.median(own.log_likelihoods) - statistics.median(other.log_likelihoods)
    return f"; log-likelihood per row {gap:+.2g} nats from scikit-learn's"


def summary(results: list[Result]) -> str:
    """One line per case and build of fastgmm, with the ratios that are to be reached."""
    header = ["case", "work", "unit", "live share", "fastgmm"]
    header += [name for peer in MAIN_PEERS for name in (peer, f"against {peer}")] + [
        "peak MB above the data"
    ]
    body = []
    for result in results:
        case = result.case
        if case.threads:
            continue
        for own in (line for line in result.lines if line.peer == "fastgmm"):
            live = "-" if result.live_share is None else f"{result.live_share:.0%}"
            name = result.name + own.label.removeprefix("fastgmm") + _fitted_higher(result, own)
            cells = [name, work_of(case), UNITS[case.kind], live, _time(own.median, case)]
            for peer in MAIN_PEERS:
                other = _first(result, peer)
                median = other.median if other else None
                cells += [_time(median, case), _ratio(median, own.median, case.bars.get(peer))]
            body.append([*cells, _memory(own.peak_mb, MEMORY_BAR)])
    return _table(header, body) if body else ""


def threads(results: list[Result]) -> str:
    """Gain of more threads, per peer."""
    body = []
    for result in (r for r in results if r.case.threads):
        case = result.case
        few, many = case.threads[0], case.threads[-1]
        by_label: dict[str, dict[int, Line]] = {}
        for line in result.lines:
            by_label.setdefault(line.label.split(",")[0], {})[line.n_threads] = line
        for label, lines in by_label.items():
            bar = case.bars.get("one thread") if label.startswith("fastgmm") else None
            times = [lines[n].median for n in (few, many)]
            reason = lines[few].reason or lines[many].reason
            gain = f"not measured: {reason}" if reason else _ratio(*times, bar)
            body.append([result.name, label, *(_time(t, case) for t in times), gain])
    header = ["case", "peer", "s, one thread", "s, more threads", "gain"]
    return _table(header, body) if body else ""


def details(results: list[Result]) -> str:
    """Everybody, with peak memory, or the reason why not."""
    header = [
        "case",
        "peer",
        "time",
        "unit",
        "fastgmm is faster by",
        "peak MB",
        "nats per row",
        "runs",
    ]
    body = []
    for result in results:
        case, own = result.case, _first(result, "fastgmm")
        for line in result.lines:
            if line.reason:
                body.append(
                    [result.name, line.label, "-", f"not measured: {line.reason}", *["-"] * 4]
                )
                continue
            found = line.log_likelihoods
            nats = f"{statistics.median(found):.6f}" if found else "-"
            nats += " (from its own start)" * line.own_start
            ratio = "" if line is own else _ratio(line.median, own.median if own else None, None)
            body.append(
                [
                    *(result.name, line.label, _time(line.median, case), UNITS[case.kind], ratio),
                    *(_memory(line.peak_mb), nats, str(len(line.seconds))),
                ]
            )
    return _table(header, body)


def processor() -> str:
    """Return the name of the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [
        line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def render(results: list[Result], options: Options, command: str) -> str:
    """Return the whole document."""
    versions = {line.peer: line.version for r in results for line in r.lines if line.version}
    facts = [
        f"Made by `{command}` on {processor()}, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f} at the end; Python {platform.python_version()}.",
        "Versions: " + ", ".join(f"{peer} {version}" for peer, version in versions.items()) + ".",
        f"Medians of {options.repeats} interleaved rounds, {options.n_threads} thread(s) unless "
        f"said, every peer in its own process, from the same start; clock: {options.clock}. A peer "
        "whose first run was slow ran once. Nats per row: mean log-likelihood of the parameters "
        "reached, by one NumPy referee.",
    ]
    parts = ["# fastgmm beside its peers", *facts]
    for title, text in (
        ("Ratios", summary(results)),
        ("More threads", threads(results)),
        ("Everybody", details(results)),
    ):
        if text:
            parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"
