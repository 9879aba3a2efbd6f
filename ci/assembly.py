"""Read the machine code of the installed kernels and fail where it breaks its promise.

- The baseline build and the modules that run before the processor is known hold no instruction
  that a first-generation x86-64 lacks: no AVX, no AVX-512, no BMI, no SSE3 or later.
- The x86-64-v3 build stays off the registers of AVX-512.
- The innermost loops of the v3 and v4 kernels that do the arithmetic use packed fused
  multiply-add on the full register width, and keep their accumulators in registers.
- The loop of the exponentials, which is most of a pass over few features, is as short as its
  polynomial and spills nothing.
- No module writes the processor's floating-point control register: that is what -ffast-math
  brings in, and it flushes subnormal numbers for the whole process.

Run it where fastgmm is installed and objdump (binutils) is in the path:
`ci/in_environment.sh ci/assembly.py`. `--list` prints the loops it judged, to find them in the
output of `objdump -d`.
"""

import argparse
import importlib.util
import platform
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# BMI1 and BMI2: VEX-coded, though they neither begin with v nor touch a vector register.
BMI = re.compile(r"(andn|bextr|bls(i|msk|r)|bzhi|mulx|pdep|pext|rorx|s(ar|hl|hr)x)[lq]?$")
# What GCC uses of SSE3 to SSE4.2 when it may. tzcnt is missing on purpose: it is coded as
# `rep bsf`, which every processor runs, and GCC writes it in baseline code too.
LATER_SSE = re.compile(
    r"(haddp|hsubp|addsubp|movddup|movs[hl]dup|lddqu|pabs|palignr|pshufb|phadd|phsub|pmulhrsw|psign|round[ps][sd]"
    r"|blendv?p|pblend|ptest|pmov[sz]x|pmulld|pmuldq|pm(ax|in)(s[bd]|u[wd])|p(in|ex)sr[bdq]|(in|ex)(sert|tract)ps"
    r"|dpp[sd]|packusdw|pcmp(eqq|gtq|[ei]str)|crc32|popcnt|lzcnt|movbe)"
)
AVX512_REGISTER = re.compile(r"%zmm|%k[0-7]|%[xy]mm(1[6-9]|2\d|3[01])\b")
FUSED = re.compile(r"vfn?m(add|sub)\d{3}p[sd]$")
STACK_STORE = re.compile(r"%[xyz]mm\d+,-?(0x[0-9a-f]+)?\(%r[sb]p\)")
PREFIXES = re.compile(r"^((rep[nz]*|lock|bnd|notrack|data16|cs|ds)\s+)+")
# Vector registers that a full register tile accumulates in, and how many innermost loops of at
# least that many fused multiply-adds a module must have: whitening, distances, second moments,
# products. They are counted and not looked up by name: the inliner chooses where they end.
TILE = {"ymm": 12, "zmm": 16}
TILE_LOOPS = 4
# A store on the stack for each of four multiply-adds or more: the tile does not fit the registers.
SPILLS = 1 / 4
# The innermost loop that computes exponentials of float64 shifts integers into the exponent. It
# takes 14 multiply-adds and some 20 other instructions.
EXPONENTIAL = {"fused": 13, "instructions": 44}
EXPECTED = ("_detect.", "x86_64_f64.", "x86_64_v3_f64.", "x86_64_v4_f64.")


class Instruction(NamedTuple):
    """One line of the disassembly."""

    address: int
    mnemonic: str
    operands: str


class Loop(NamedTuple):
    """An innermost loop: the function it stands in and its instructions."""

    function: str
    body: list[Instruction]

    def fused(self, register: str) -> int:
        """Return how many packed fused multiply-adds work on registers of one width."""
        return sum(1 for i in self.body if FUSED.match(i.mnemonic) and f"%{register}" in i.operands)

    def straight(self) -> bool:
        """Return whether the loop's only jump is the one back to its start."""
        return not any(i.mnemonic.startswith("j") for i in self.body[:-1])

    def spills(self) -> int:
        """Return how many vector registers the loop stores on the stack."""
        moves = (i.operands for i in self.body if i.mnemonic.startswith("vmov"))
        return sum(1 for operands in moves if STACK_STORE.search(operands))


def disassemble(path: Path) -> dict[str, list[Instruction]]:
    """Return the instructions of a shared object by function."""
    command = ["objdump", "-d", "--no-show-raw-insn", "-M", "att", str(path)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise SystemExit("reading the assembly needs objdump: install binutils") from None
    functions: dict[str, list[Instruction]] = {}
    current: list[Instruction] = []
    for line in run.stdout.splitlines():
        if header := re.match(r"[0-9a-f]+ <(.+)>:$", line):
            current = functions.setdefault(header[1], [])
        elif match := re.match(r"\s*([0-9a-f]+):\t(.*)", line):
            words = PREFIXES.sub("", match[2]).split(None, 1)
            if words:
                current.append(Instruction(int(match[1], 16), words[0], " ".join(words[1:])))
    return functions


def innermost_loops(function: str, code: list[Instruction]) -> Iterator[Loop]:
    """Yield the loops of a function that hold no other loop: found by their backward jumps."""
    index = {instruction.address: i for i, instruction in enumerate(code)}
    spans = set()
    for i, instruction in enumerate(code):
        target = re.match(r"([0-9a-f]+)\b", instruction.operands)
        if instruction.mnemonic.startswith("j") and target:
            start = index.get(int(target[1], 16), i + 1)
            if start <= i:
                spans.add((start, i))
    for start, end in sorted(spans):
        if not any((s, e) != (start, end) and start <= s and e <= end for s, e in spans):
            yield Loop(function, code[start : end + 1])


def beyond_baseline(code: Iterable[Instruction]) -> Counter[str]:
    """Count the instructions that a baseline x86-64 processor does not have."""
    found: Counter[str] = Counter()
    for _, mnemonic, operands in code:
        vector = mnemonic.startswith("v") and mnemonic not in {"verr", "verw"}
        wide = re.search(r"%[yz]mm|%k[0-7]", operands)
        if vector or wide or BMI.match(mnemonic) or LATER_SSE.match(mnemonic):
            found[mnemonic] += 1
    return found


def judge_exponential(path: Path, loops: list[Loop], register: str) -> Iterator[str]:
    """Yield a sentence for each promise that the loop of the exponentials breaks."""
    shift = "vpsllq"
    found = [
        loop
        for loop in loops
        if any(i.mnemonic == shift and f"%{register}" in i.operands for i in loop.body)
        and loop.fused(register) >= EXPONENTIAL["fused"]
        and loop.straight()  # that of the tests' door, which takes logarithms as well, jumps
        # Loops of logarithms shift as well; they divide, and none of them is over rows.
        and not any(i.mnemonic.startswith(("vdiv", "vsqrt")) for i in loop.body)
    ]
    if not found:
        yield f"{path.name}: no straight loop of exponentials on {register}"
    for loop in found:
        place = f"{path.name}: {loop.function} at {loop.body[0].address:x}"
        if len(loop.body) > EXPONENTIAL["instructions"]:
            yield f"{place}: a loop of exponentials of {len(loop.body)} instructions"
        if loop.spills():
            yield f"{place}: a loop of exponentials spills {loop.spills()} registers"


def judge(path: Path, listing: bool) -> list[str]:
    """Return a sentence for every promise that one module breaks."""
    functions = disassemble(path)
    code = [instruction for body in functions.values() for instruction in body]
    sentences = []
    if any(i.mnemonic.endswith("ldmxcsr") for i in code):
        sentences.append(f"{path.name}: writes the floating-point control register: -ffast-math?")
    level = re.search(r"_v([34])_", path.name)
    if level is None:
        found = beyond_baseline(code)
        if found:
            first = ", ".join(f"{name} ({n})" for name, n in found.most_common(6))
            sentences.append(f"{path.name}: instructions beyond the x86-64 baseline: {first}")
        print(f"{path.name}: {len(code)} instructions, {found.total()} beyond the baseline")
        return sentences
    if level[1] == "3" and any(AVX512_REGISTER.search(i.operands) for i in code):
        sentences.append(f"{path.name}: registers of AVX-512 in the x86-64-v3 build")
    register = {"3": "ymm", "4": "zmm"}[level[1]]
    loops = [loop for name, body in functions.items() for loop in innermost_loops(name, body)]
    if "_f64." in path.name:
        sentences += judge_exponential(path, loops, register)
    tiles = [loop for loop in loops if loop.straight() and loop.fused(register) >= TILE[register]]
    what = f"innermost loops with {TILE[register]} fused multiply-adds or more on {register}"
    print(f"{path.name}: {len(tiles)} {what}")
    if len(tiles) < TILE_LOOPS:
        sentences.append(f"{path.name}: {len(tiles)} {what} instead of {TILE_LOOPS}")
    for loop in tiles:
        fused, spills = loop.fused(register), loop.spills()
        place = f"{loop.function} at {loop.body[0].address:x}"
        if listing:
            print(f"  {place}: {fused} in {len(loop.body)} instructions, {spills} spilled")
        if spills > SPILLS * fused:
            sentences.append(f"{path.name}: {place}: {spills} registers spilled for {fused}")
    return sentences


def main() -> None:
    """Judge every compiled module of the installed package."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the loops that were judged")
    arguments = parser.parse_args()
    if platform.machine() not in {"x86_64", "AMD64"}:
        print(f"nothing to check on {platform.machine()}")
        return
    spec = importlib.util.find_spec("fastgmm")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("fastgmm is not installed here: run ci/in_environment.sh ci/assembly.py")
    kernels = Path(next(iter(spec.submodule_search_locations)), "kernels")
    modules = sorted(kernels.rglob("*.so"))
    names = " ".join(path.name for path in modules)
    missing = [part for part in EXPECTED if part not in names]
    if missing:
        raise SystemExit(f"{kernels} lacks {', '.join(missing)} and has {names or 'no module'}")
    sentences = [sentence for path in modules for sentence in judge(path, arguments.list)]
    if sentences:
        sys.exit("\n".join(sentences))


if __name__ == "__main__":
    main()
