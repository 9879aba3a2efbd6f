"""Measure one case: all peers at once, one after the other in every round."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmarks import common
from comparison.cases import MAIN_PEERS, Case
from comparison.child import Child, Failed, Variant
from comparison.referee import TOLERANCES, full_covariances, judge


@dataclass
class Line:
    """What was found of one variant."""

    label: str
    peer: str
    n_threads: int
    seconds: list[float] = field(default_factory=list)
    peak_mb: float | None = None
    log_likelihoods: list[float] = field(default_factory=list)
    version: str = ""
    reason: str = ""
    own_start: bool = False

    @property
    def median(self) -> float | None:
        """Median seconds, None when nothing was measured."""
        return statistics.median(self.seconds) if self.seconds and not self.reason else None


@dataclass
class Result:
    """What was found of one case."""

    name: str
    case: Case
    lines: list[Line]
    live_share: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and texts."""
        return asdict(self)


@dataclass(frozen=True)
class Options:
    """How to measure."""

    repeats: int
    n_threads: int
    peers: tuple[str, ...]
    isas: tuple[str, ...]
    pythons: dict[str, str]
    cpus: list[int]
    timeout: float
    slow: float
    clock: str
    log: IO[str]


def variants_of(case: Case, options: Options) -> list[Variant]:
    """Who takes part in a case: several instruction sets of fastgmm, several numbers of threads."""
    found = []
    for peer in options.peers:
        if case.threads and peer not in ("fastgmm", *MAIN_PEERS):
            continue
        for isa in options.isas if peer == "fastgmm" else ("",):
            for n_threads in case.threads or (options.n_threads,):
                found.append(Variant(peer, n_threads, isa, bool(case.threads)))
    return found


def write_job(case: Case, folder: Path) -> np.ndarray:
    """Write rows and start for the children; returns the rows."""
    common.check(case.recipe)
    n_rows = max(case.n_rows, 20_000)  # a mixture for one row is fitted to more
    rows = common.rows(case.recipe, n_rows, case.dtype)
    start = common.start(case.recipe, case.dtype)
    np.save(folder / "rows.npy", rows)
    np.savez(folder / "start.npz", **asdict(start))
    (folder / "covariance_type").write_text(common.RECIPES[case.recipe].covariance_type, "utf-8")
    return rows


class Measurement:
    """The children of one case and what they have answered."""

    def __init__(self, case: Case, folder: Path, rows: np.ndarray, options: Options) -> None:
        self.case, self.folder, self.rows, self.options = case, folder, rows, options
        self.children: list[tuple[Child, Line]] = []
        self.live_share: float | None = None

    def attempt(self, line: Line, action: Callable[[], None]) -> None:
        """Do it unless the peer has failed already; a failure is the reason in the table."""
        if line.reason:
            return
        try:
            action()
        except Failed as error:
            line.reason = str(error)

    def judge_parameters(self, child: Child, line: Line) -> None:
        """Fetch the parameters of the last fit and judge them."""
        path = self.folder / "parameters.npz"
        child.ask("parameters", path=str(path))
        with np.load(path) as parameters:
            weights, means, covariances = (
                parameters[n] for n in ("weights", "means", "covariances")
            )
        kind = (
            "full"
            if self.case.kind == "default fit"
            else common.RECIPES[self.case.recipe].covariance_type
        )
        try:
            log_likelihood, live = judge(
                self.rows, weights, means, full_covariances(covariances, kind, means.shape)
            )
        except (ValueError, np.linalg.LinAlgError) as error:
            raise Failed(f"its parameters are no mixture: {error}") from error
        line.log_likelihoods.append(log_likelihood)
        if self.live_share is None:
            self.live_share = live

    def prepare(self, child: Child, line: Line) -> None:
        """Do the first, untimed run: peak memory, and proof of the same work as everybody."""
        case = self.case
        line.version, line.own_start = child.ask("hello")
        if case.kind == "iteration":
            line.peak_mb = child.ask("memory", n_iter=case.iterations[1])
            self.judge_parameters(child, line)
        elif case.kind == "default fit":
            line.peak_mb = child.ask("default_memory", seed=0)
        else:
            child.ask("begin_scoring")
            self.judge_parameters(child, line)
            if case.kind == "score":
                line.peak_mb = child.ask("score_memory", method=case.method)
                scored = child.ask("mean_score")
                if abs(scored - line.log_likelihoods[0]) > TOLERANCES[case.dtype]:
                    raise Failed(f"its mean score {scored!r} is not {line.log_likelihoods[0]!r}")

    def measure(self, child: Child, line: Line, seed: int) -> None:
        """One timed run."""
        case = self.case
        if case.kind == "iteration":
            few, many = case.iterations
            times = [child.ask("fit", n_iter=n_iter) for n_iter in (few, many)]
            line.seconds.append((times[1] - times[0]) / (many - few))
        elif case.kind == "default fit":
            line.seconds.append(child.ask("default_fit", seed=seed))
            self.judge_parameters(child, line)
        elif case.kind == "score":
            line.seconds.append(child.ask("score", method=case.method))
        else:
            line.seconds.append(child.ask("one_row", method=case.method))

    def run(self) -> list[Line]:
        """All of it; a peer whose first run was slow is timed once."""
        slow = set()
        for child, line in self.children:
            begin = time.monotonic()
            self.attempt(line, lambda c=child, at=line: self.prepare(c, at))
            if time.monotonic() - begin > self.options.slow:
                slow.add(line.label)
        if self.case.kind != "default fit":
            self.compare_likelihoods()
        for seed in range(self.options.repeats):
            for child, line in self.children:
                if seed == 0 or line.label not in slow:
                    self.attempt(line, lambda c=child, at=line, s=seed: self.measure(c, at, s))
        return [line for _, line in self.children]

    def compare_likelihoods(self) -> None:
        """After the same iterations from the same start everybody must be at the same point."""
        judged = [
            line
            for _, line in self.children
            if line.log_likelihoods and not (line.reason or line.own_start)
        ]
        if not judged:
            return
        known = {line.peer: line.log_likelihoods[0] for line in reversed(judged)}
        expected = known.get("scikit-learn", judged[0].log_likelihoods[0])
        for line in judged:
            gap = line.log_likelihoods[0] - expected
            if not abs(gap) <= TOLERANCES[self.case.dtype]:
                line.reason = (
                    f"after the same iterations its log-likelihood per row is {gap:+.2g} nats off"
                )


def measure_case(name: str, case: Case, folder: Path, options: Options) -> Result:
    """Measure a case in a folder of its own."""
    rows = write_job(case, folder)
    with ExitStack() as stack:
        work = Measurement(case, folder, rows, options)
        for variant in variants_of(case, options):
            child = stack.enter_context(
                Child(
                    variant,
                    folder,
                    python=options.pythons[variant.peer],
                    cpus=options.cpus,
                    clock="wall" if case.threads else options.clock,
                    log=options.log,
                    timeout=options.timeout,
                )
            )
            work.children.append((child, Line(variant.label, variant.peer, variant.n_threads)))
        lines = work.run()
    return Result(name, case, lines, work.live_share)
