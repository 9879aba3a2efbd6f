"""Completion in shells: the scripts are run by the shells themselves, where there are such."""

import shutil
import subprocess

import pytest

from fastgmm.cli.completion import SHELLS, script
from fastgmm.cli.main import make_parser

COMMANDS = make_parser()[1]


def bash(line, tmp_path):
    """What bash offers at the end of a line."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    path = tmp_path / "fastgmm.bash"
    path.write_text(script("bash", COMMANDS))
    words = [*line.split(), *([""] if line.endswith(" ") else [])]
    listed = " ".join(f"'{word}'" for word in words)
    lines = f"""
source {path}
COMP_WORDS=({listed})
COMP_CWORD={len(words) - 1}
_fastgmm
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "--norc", "-c", lines], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_and_options(tmp_path):
    assert bash("fastgmm ", tmp_path) == [*COMMANDS, "--help", "--version"]
    assert bash("fastgmm se", tmp_path) == ["select"]
    assert bash("fastgmm fit --cov", tmp_path) == ["--covariance-type"]
    assert bash("fastgmm score m.gmm x.csv --on", tmp_path) == ["--only"]
    found = bash("fastgmm fit x.csv -", tmp_path)
    assert found == [word for one in COMMANDS["fit"].options for word in one.option_strings]
    assert len(found) > 30


def test_values(tmp_path):
    assert bash("fastgmm fit --covariance-type tied", tmp_path) == [
        "tied", "tied_diag", "tied_spherical",
    ]  # fmt: skip
    assert bash("fastgmm fit x.csv --gaps ", tmp_path) == ["error", "drop", "em"]
    assert bash("fastgmm completion ", tmp_path) == list(SHELLS)
    assert bash("fastgmm fit x.csv --tol ", tmp_path) == []
    (tmp_path / "rows.csv").touch()
    (tmp_path / "rows.gmm").touch()
    assert sorted(bash("fastgmm fit rows.", tmp_path)) == ["rows.csv", "rows.gmm"]
    assert bash("fastgmm fit x.csv -o rows.g", tmp_path) == ["rows.gmm"]
    assert bash("fastgmm fit x.csv --seed rows.g", tmp_path) == []


def test_zsh_reads_its_script(tmp_path):
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh")
    path = tmp_path / "fastgmm.zsh"
    path.write_text("autoload -U compinit && compinit -u\n" + script("zsh", COMMANDS))
    done = subprocess.run(
        ["zsh", "-f", "-c", f"source {path}; whence -w _fastgmm; print $_comps[fastgmm]"],
        capture_output=True, text=True, check=True, env={"HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stderr == ""
    assert "_fastgmm: function" in done.stdout
    assert "_bash_complete" in done.stdout


def test_fish_completes(tmp_path):
    if shutil.which("fish") is None:
        pytest.skip("there is no fish")
    path = tmp_path / "fastgmm.fish"
    path.write_text(script("fish", COMMANDS))

    def offered(line):
        done = subprocess.run(
            ["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"],
            capture_output=True, text=True, check=True, env={"HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.stderr == ""
        return [one.split("\t") for one in done.stdout.splitlines()]

    assert [name for name, _ in offered("fastgmm ")] == sorted(COMMANDS)
    assert [name for name, _ in offered("fastgmm fit --covariance-t")] == ["--covariance-type"]
    assert {name for name, *_ in offered("fastgmm fit --gaps ")} == {"error", "drop", "em"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(run, shell):
    assert run("completion", shell) == (0, script(shell, COMMANDS), "")


def test_another_shell_is_refused(capsys):
    from fastgmm.cli.main import main

    with pytest.raises(SystemExit):
        main(["completion", "tcsh"])
    err = capsys.readouterr().err
    assert "argument SHELL: invalid choice: 'tcsh'" in err
