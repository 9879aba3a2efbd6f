"""Errors of a command line are one sentence that says where to look."""

import pytest

from fastgmm.cli.parser import Parser


def test_an_error_is_one_sentence(capsys):
    parser = Parser(prog="fastgmm fit")
    parser.add_argument("--first", "-f", help="one")
    parser.add_argument_group("others").add_argument("--second", type=int, help="two")
    assert [one.dest for one in parser.options] == ["help", "first", "second"]
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(["--second", "x"])
    assert stopped.value.code == 2
    sentence = "argument --second: invalid int value: 'x'; see 'fastgmm fit --help'.\n"
    assert capsys.readouterr().err == f"fastgmm: error: {sentence}"


def test_any_negative_number_is_a_value():
    parser = Parser(prog="fastgmm score")
    parser.add_argument("--below", type=float)
    for text in ("-1e9", "-.5", "-2"):
        assert parser.parse_args(["--below", text]).below == float(text)


@pytest.mark.parametrize(
    ("word", "meant"), [("--frist", ", did you mean --first?"), ("--other", ""), ("x", "")]
)
def test_a_word_that_is_no_option(capsys, word, meant):
    parser = Parser(prog="fastgmm fit")
    parser.add_argument("--first", "-f")
    with pytest.raises(SystemExit):
        parser.refuse(word)
    assert f"unrecognized arguments: {word}{meant}; see" in capsys.readouterr().err
