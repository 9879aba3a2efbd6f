"""A peer's process, seen from outside."""

import json
import os
import select
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

BENCHMARKS = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TBB_NUM_THREADS",
)
HANDICAPS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "FASTGMM_ISA")
"""Where an environment sets the first two they hold NumPy's BLAS at half its speed."""


class Failed(Exception):
    """A peer did not do what it was asked; the text goes into the table."""


@dataclass(frozen=True)
class Variant:
    """A peer as it takes part: with so many threads, and for fastgmm with an instruction set."""

    peer: str
    n_threads: int
    isa: str = ""
    show_threads: bool = False

    @property
    def label(self) -> str:
        """Name in the table."""
        threads = (
            f", {self.n_threads} thread{'s' * (self.n_threads > 1)}" if self.show_threads else ""
        )
        return f"{self.peer}{' ' * bool(self.isa)}{self.isa}{threads}"


class Child:
    """A running `comparison.worker`; a context manager that ends it."""

    def __init__(
        self,
        variant: Variant,
        folder: Path,
        *,
        python: str,
        cpus: list[int],
        clock: str,
        log: IO[str],
        timeout: float,
    ) -> None:
        self.variant = variant
        self.timeout = timeout
        environment = {name: value for name, value in os.environ.items() if name not in HANDICAPS}
        environment |= dict.fromkeys(THREAD_VARIABLES, str(variant.n_threads))
        environment["PYTHONSAFEPATH"] = ""  # the worker is found in the working directory
        if variant.isa:
            environment["FASTGMM_ISA"] = variant.isa
        own = cpus[: variant.n_threads]
        self.process = subprocess.Popen(
            [
                python,
                "-m",
                "comparison.worker",
                variant.peer,
                folder,
                str(variant.n_threads),
                clock,
            ],
            cwd=BENCHMARKS,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, own)) if own else None,
        )

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, do: str, **arguments: Any) -> Any:
        """Send a request and wait for its answer; raises Failed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], self.timeout)
            line = self.process.stdout.readline() if ready else None
        except BrokenPipeError:
            line = ""
        if line is None:
            self.process.kill()
            raise Failed(f"no answer to {do!r} within {self.timeout:g} s")
        if not line:
            raise Failed(f"its process ended with status {self.process.wait()} during {do!r}")
        answer = json.loads(line)
        if "reason" in answer:
            raise Failed(answer["reason"])
        return answer["value"]
