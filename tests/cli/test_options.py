"""Options, their defaults, and the sentences for wrong words."""

import inspect
import re
import shlex

import pytest

import fastgmm
from fastgmm import GaussianMixture
from fastgmm.cli.main import main, make_parser


def test_defaults_are_those_of_the_class():
    arguments = make_parser()[0].parse_args(["fit", "x.csv", "-k", "1"])
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(GaussianMixture).parameters.items()
    }
    for option, name in [
        ("covariance_type", "covariance_type"),
        ("init", "init_params"),
        ("n_init", "n_init"),
        ("tol", "tol"),
        ("max_iter", "max_iter"),
        ("reg_covar", "reg_covar"),
        ("gap_tol", "gap_tol"),
        ("acceleration", "acceleration"),
        ("on_collapse", "on_collapse"),
        ("seed", "random_state"),
        ("threads", "n_threads"),
    ]:
        assert getattr(arguments, option) == defaults[name]


def test_a_quoted_name_may_hold_a_comma(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('"a, b",c\n1,2\n3,4\n5,7\n')
    code, out, _ = run("fit", path, "-k", 1, "--columns", 'c,"a, b"')
    assert code == 0
    assert [line.split("  ")[0] for line in out.splitlines()[5:7]] == ["c", "a, b"]


def test_defaults_are_those_of_select():
    arguments = make_parser()[0].parse_args(["select", "x.csv"])
    defaults = fastgmm.select.__defaults__
    assert arguments.components == list(defaults[0])
    assert arguments.covariance_types == list(defaults[1])
    assert arguments.criterion == defaults[2]
    keywords = fastgmm.select.__kwdefaults__
    assert arguments.n_init == keywords["n_init"] == 10
    assert arguments.max_iter == keywords["max_iter"] == 1000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fit", "x.csv"], "the following arguments are required: -k/--components"),
        (["fit", "x.csv", "-k", "0"],
         "argument -k/--components: '0' is not a whole number of at least 1\n"),
        (["fit", "x.csv", "-k", "two"],
         "argument -k/--components: 'two' is not a whole number of at least 1\n"),
        (["fit", "x.csv", "-k", "2", "--seed", "4294967296"],
         "argument --seed: '4294967296' is not a whole number of at least 0 and at most 429496729"),
        (["fit", "x.csv", "-k", "2", "--init", "best"], "argument --init: invalid choice: 'best'"),
        (["fit", "x.csv", "-k", "2", "--covariance-type", "none"], "argument --covariance-type: "),
        (["fit", "x.csv", "-k", "2", "--dtype", "int8"], "argument --dtype: invalid choice: "),
        (["sample", "x.gmm"], "the following arguments are required: -n"),
        (["draw"], "argument COMMAND: invalid choice: 'draw'"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_code_2(capsys, words, sentence):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"fastgmm: error: {sentence.rstrip()}")
    assert re.search(r"; see 'fastgmm ?(fit|sample|)? --help'\.\n$", err)
    assert err.count("\n") == 1


def test_an_unknown_option_is_one_of_its_command(capsys):
    for words, sentence in [
        (
            ["fit", "x.csv", "-k", "2", "--covariancetype=full", "more.csv"],
            "--covariancetype=full, did you mean --covariance-type?; see 'fastgmm fit --help'.",
        ),
        (["info", "m.gmm", "x.csv"], "x.csv; see 'fastgmm info --help'."),
        (["select", "x.csv", "--zzz"], "--zzz; see 'fastgmm select --help'."),
    ]:
        with pytest.raises(SystemExit):
            main(words)
        assert capsys.readouterr().err == f"fastgmm: error: unrecognized arguments: {sentence}\n"


COMMANDS = ["fit", "select", "learn", "adapt", "score", "impute", "sample", "info", "completion"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_groups_and_examples_that_can_be_read(capsys, command):
    parser, commands = make_parser()
    assert list(commands) == COMMANDS
    with pytest.raises(SystemExit):
        main([command, "--help"])
    out = capsys.readouterr().out
    first, *_ = out.splitlines()
    assert first.startswith(f"usage: fastgmm {command} ")
    _, examples = out.split("\nexamples:\n")
    for line in examples.splitlines():
        words = line.strip().partition("fastgmm ")[2].partition(" >")[0]
        parser.parse_args(shlex.split(words))
    for action in commands[command]._actions:
        assert action.help, action.option_strings
        assert not action.help.startswith("(")
    n_groups = len(commands[command]._action_groups) - 2
    assert n_groups >= {"info": 0, "completion": 0, "sample": 1}.get(command, 2)
