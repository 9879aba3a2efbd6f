"""Sentences of the library in the words of the command line."""

import pytest

from fastgmm.cli.words import ARGUMENTS, in_options


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("choose with columns=['a', 'b'].", "choose with --columns a,b."),
        ("columns=['a']", "--columns a"),
        ("columns=[2, 0]", "--columns 2,0"),
        ("give all the same, or choose with columns=.", "give all the same, or choose with "
         "--columns."),
        ("(gaps='drop' leaves them out).", "(--gaps drop leaves them out)."),
        ("; or pass format=.", "; or pass --format."),
        ("pass format='arrow'.", "pass --format arrow."),
        ("pass header=True or header=False.", "pass --header or --no-header."),
        ("pass delimiter='\\t'.", "pass --delimiter tab."),
        ("pass delimiter=';', decimal=','.", "pass --delimiter ';', --decimal ,."),
        ("pass delimiter='whitespace'", "pass --delimiter whitespace"),
        ("comment='#'", "--comment '#'"),
        ("gap_marks=['-999', 'x']", "--gap-marks -999,x"),
        ("tol=0.001; raise max_iter (now 1)", "--tol 0.001; raise --max-iter (now 1)"),
        ("n_init=10.", "--n-init 10."),
        ("The 'tol' parameter of GaussianMixture must be", "--tol must be"),
        ("The 'weights_init' parameter of GaussianMixture", "The 'weights_init' parameter of "
         "GaussianMixture"),
        ("n_samples >= n_components", "the number of rows >= --components"),
        ("reg_covar='auto'", "--reg-covar auto"),
    ],
)  # fmt: skip
def test_arguments_become_options(text, expected):
    assert in_options(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "my/n_components.csv, /x/max_iter/y and a.max_iter.b are files",
        "the columns, the format and a header",
        "x_gaps='drop' and --gaps drop",
    ],
)
def test_other_words_stay(text):
    assert in_options(text) == text


def test_names_with_commas_stand_in_quotation_marks():
    from fastgmm.cli.options import columns

    said = in_options("""choose columns=['a, b', 'c "d"', 'e'].""")
    word = '"a, b","c ""d""",e'
    assert said == f"choose --columns '{word}'."
    assert columns(word) == ["a, b", 'c "d"', "e"]


def test_every_option_is_one_of_the_command(capsys):
    from fastgmm.cli.main import main

    helps = ""
    for command in ("fit", "select", "learn", "score", "sample"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        helps += capsys.readouterr().out
    for option in ARGUMENTS.values():
        assert option in helps or option == "the number of rows", option
