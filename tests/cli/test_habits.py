"""Words of other tools: each is answered with what to type here."""

import pytest


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("fake", "hr"):
        (tmp_path / name).mkdir()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["fake", "hr"], "`ganeval score fake --reference hr` (sets), or `ganeval score fake --paired hr`"),
        (["digits:test"], "`ganeval score digits:test --reference REF`"),
        (["FID", "fake", "hr"], "`ganeval score fake --reference hr --metrics FID`"),
        (["psnr"], "`ganeval score FOLDER --paired REF --metrics psnr`"),
        (["niqe", "fake"], "`ganeval score fake --metrics niqe`"),
        (["inception_score"], "Unknown command"),
        (["train", "gan-mlp"], "Use `ganeval train-reference`"),
        (["Compare"], "Use `ganeval diff`"),
        (["scor"], "Did you mean 'score'"),
        (["gate", "run", "fake"], "`ganeval gate SUBJECT`"),
        (["score", "fake", "--test_y_channel"], "Use --channel y"),
        (["score", "fake", "--paired", "hr", "--metrics", "psnr_y"], "psnr with --channel y"),
        (["score", "fake", "--reference", "hr", "--metrics", "inception_score"], "write is."),
        (["doctor", "fake", "hr"], "ganeval doctor fake --against hr"),
        (["explain", "fake", "hr"], "ganeval explain fake --reference hr"),
        (["sample", "dcgan.digits", "-o", "x"], "Did you mean 'dcgan.digits-cpu'"),
    ],
)
def test_a_word_of_another_tool_is_answered_with_the_command_that_is_meant(words, answer, folders, command_line):
    code, _, err = command_line(*words)

    assert code == 2
    assert answer in err
    assert len(err) < 1200


def test_options_are_read_with_underscores_too(folders, command_line):
    code, _, err = command_line("score", "fake", "--paired", "hr", "--crop_border", "x")

    assert code == 2
    assert "--crop-border takes a whole number" in err
