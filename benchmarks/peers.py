"""Compare fastgmm with its peers, in one run on one machine.

    python benchmarks/peers.py                                  # everything
    python benchmarks/peers.py --cases full-16-16 one-row-score --peers fastgmm scikit-learn
    python benchmarks/peers.py --isa x86-64-v4 x86-64-v3 x86-64 --peers fastgmm scikit-learn oneDAL

Every peer works in a process of its own, in turns (A B C A B C ...), from the same parameters and
for the same number of iterations; the time per iteration is the difference of two runs of different
length, so that set-up cancels. A referee in NumPy judges the parameters that each has reached: who
is not at the same log-likelihood has that for a reason in the table, and no time. The environment
comes from requirements-peers.txt.
"""

import argparse
import json
import shlex
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from comparison.cases import CASES
from comparison.measure import Options, measure_case
from comparison.report import render

PEERS = ("fastgmm", "scikit-learn", "oneDAL", "pomegranate", "torchgmm", "tgmm", "OpenCV", "mlpack")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--cases", "--case", nargs="+", metavar="NAME", default=list(CASES), choices=list(CASES))
    add("--peers", nargs="+", metavar="PEER", default=list(PEERS), choices=PEERS)
    add("--repeats", type=int, default=7, help="rounds (default: %(default)s)")
    add("--threads", type=int, default=1, help="threads of every peer (default: %(default)s)")
    add("--isa", nargs="+", default=[""], metavar="ISA", help="FASTGMM_ISA, each a line of its own")
    add(
        "--cpu-affinity",
        default="",
        metavar="0,1",
        help="processors; a child with T threads gets the first T",
    )
    add(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu: processor time, for one thread on a machine that is not quiet",
    )
    add(
        "--python",
        nargs="+",
        default=[],
        metavar="PEER=PATH",
        help="interpreter of a peer (default: this one)",
    )
    add(
        "--timeout",
        type=float,
        default=300.0,
        help="seconds a peer has for one answer (default: %(default)s)",
    )
    add(
        "--slow", type=float, default=30.0, help="a peer whose first run takes longer is timed once"
    )
    add("--output", type=Path, help="write the tables here and the numbers beside, as .json")
    add("--log", type=Path, help="where what the peers print goes (default: nowhere)")
    add("--list", action="store_true", help="print the names of the cases and stop")
    return parser.parse_args()


def main() -> None:
    """Measure, print and save."""
    arguments = _arguments()
    if arguments.list:
        print("\n".join(CASES))
        return
    # ended from outside, it ends its children and removes its folders as well
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    pythons = dict.fromkeys(PEERS, sys.executable)
    pythons.update(item.split("=", 1) for item in arguments.python)
    with open(arguments.log or "/dev/null", "a", encoding="utf-8") as log:
        options = Options(
            repeats=arguments.repeats,
            n_threads=arguments.threads,
            peers=tuple(arguments.peers),
            isas=tuple(arguments.isa),
            pythons=pythons,
            cpus=[int(cpu) for cpu in arguments.cpu_affinity.split(",") if cpu],
            timeout=arguments.timeout,
            slow=arguments.slow,
            clock=arguments.clock,
            log=log,
        )
        command = shlex.join(["python", "benchmarks/peers.py", *sys.argv[1:]])
        results = []
        for name in arguments.cases:
            with tempfile.TemporaryDirectory(prefix="fastgmm-peers-") as folder:
                results.append(measure_case(name, CASES[name], Path(folder), options))
            print(f"{name}: done", file=sys.stderr)
            text = render(results, options, command)
            if arguments.output:  # after every case: an interrupted run keeps what it has
                arguments.output.write_text(text, encoding="utf-8")
                numbers = [result.as_json() for result in results]
                arguments.output.with_suffix(".json").write_text(
                    json.dumps(numbers, indent=1), "utf-8"
                )
    print(text)


if __name__ == "__main__":
    main()
