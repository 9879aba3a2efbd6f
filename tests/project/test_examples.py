"""The example scripts run and print the right numbers."""

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def run(name, *words, cwd=None):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def numbers(text, label):
    """Return the numbers with six decimals on the line that begins with the label."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(label)]
    return [float(number) for number in re.findall(r"-?\d+\.\d{6}", line)]


def normal(x, mean, variance):
    return math.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        "worked_example.py",
        "old_faithful.py",
        "on_mpi.py",  # these three are in test_recipes.py
        "on_ray.py",
        "on_spark.py",
        "processes.py",
        "statistics_files.py",
    }


@pytest.mark.parametrize("name", ["processes.py", "statistics_files.py"])
def test_statistics_that_travel(name):
    text = run(name)
    (together,) = numbers(text, "log-likelihood per row")
    (alone,) = numbers(text, "of a fit in one")
    assert together == pytest.approx(alone, abs=2e-6)


def test_worked_example_at_one_point():
    text = run("worked_example.py")
    assert numbers(text, "density of component 1") == [0.129518]
    assert numbers(text, "density of component 2") == [0.160733]
    assert numbers(text, "density of the mixture") == [0.142004]
    assert numbers(text, "responsibility of component 1") == [0.547243]
    assert numbers(text, "responsibility of component 2") == [0.452757]
    first, second = 0.6 * normal(3.5, 2, 1), 0.4 * normal(3.5, 5, 2)
    assert first / 0.6 == pytest.approx(0.129518, abs=5e-7)
    assert second / (first + second) == pytest.approx(0.452757, abs=5e-7)


def test_worked_example_takes_one_em_step():
    text = run("worked_example.py")
    points = [1.0, 2.0, 3.5, 5.0, 6.5]
    mixture = [(0.6, 2.0, 1.0), (0.4, 5.0, 2.0)]

    def joint(mixture):
        return [[weight * normal(x, mean, var) for weight, mean, var in mixture] for x in points]

    shares = [[part / sum(row) for part in row] for row in joint(mixture)]
    sums = [sum(row[k] for row in shares) for k in range(2)]
    means = [sum(r[k] * x for r, x in zip(shares, points, strict=True)) / sums[k] for k in range(2)]
    variances = [
        sum(r[k] * (x - means[k]) ** 2 for r, x in zip(shares, points, strict=True)) / sums[k]
        for k in range(2)
    ]
    weights = [total / 5 for total in sums]
    after = list(zip(weights, means, variances, strict=True))
    for label, expected in [
        ("log-likelihood before", [sum(math.log(sum(row)) for row in joint(mixture))]),
        ("sums of responsibilities", sums),
        ("weights", weights),
        ("means", means),
        ("variances", variances),
        ("log-likelihood after", [sum(math.log(sum(row)) for row in joint(after))]),
    ]:
        assert numbers(text, label) == pytest.approx(expected, abs=6e-7)


def test_worked_example_explains_the_difference_to_the_tutorial():
    source = (EXAMPLES / "worked_example.py").read_text()
    for number in ("0.107", "0.120", "0.112", "0.571", "0.429"):
        assert number in source


@pytest.mark.parametrize("words", [(), ("other.pdf",)])
def test_old_faithful(tmp_path, words):
    text = run("old_faithful.py", *words, cwd=tmp_path)
    short, long, fit, picture = text.splitlines()
    assert short == (
        "97 eruptions (35.6% of the mixture) last 2.04 minutes on average; "
        "the next one comes 54.5 minutes later."
    )
    assert long == (
        "175 eruptions (64.4% of the mixture) last 4.29 minutes on average; "
        "the next one comes 80.0 minutes later."
    )
    assert fit.startswith("Log-likelihood per row: -4.155")
    (written,) = tmp_path.iterdir()
    assert picture == f"The picture is in {written.name}."
    assert written.name == (words[0] if words else "old_faithful.png")
    assert written.stat().st_size > 10_000
