"""What wrong words meant."""

import pytest

from fastgmm.cli.usage import meant


@pytest.mark.parametrize(
    ("word", "found"),
    [("vee", "VEE"), ("Full", "full"), ("tied-diag", "tied_diag"), ("xyz", None), ("", None)],
)
def test_near_words(word, found):
    known = ["full", "tied", "tied_diag", "VEE"]
    assert meant(word, known) == ("" if found is None else f", did you mean {found}?")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scroe", "m.gmm"], "invalid choice: 'scroe', did you mean score? (choose from 'fit', "),
        (["draw"], "invalid choice: 'draw' (choose from 'fit', "),
        (["fit", "x", "-k", "1", "--init", "wrad"], "invalid choice: 'wrad', did you mean ward?"),
        (["select", "x", "--covariance-types", "full,vee"], "mclust, did you mean VEE?; see "),
    ],
)
def test_misspelt_commands_and_choices(run, capsys, words, said):
    with pytest.raises(SystemExit) as stopped:
        run(*words)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_options_that_the_work_refuses_are_code_2(misused, run, geyser, table):
    model, (_, rows) = geyser[0], table
    sentence = "--novel-only wants to know what is novel: add --below."
    misused(sentence, "score", model, rows, "--novel-only")
    misused("--only novel wants to know what is novel: add --below.", "score", model, rows,
            "--only", "novel")  # fmt: skip
    misused("--batch-rows is for batches: add --stream, or leave it out.", "fit", rows, "-k", 1,
            "--batch-rows", 9)  # fmt: skip
    code, _, err = run("learn", model.with_name("new.gmm"), rows, "-k", 2, "--half-life", -1)
    assert (code, "--half-life" in err) == (2, True)
