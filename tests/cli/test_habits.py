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
        (["explain", "fake", "hr"], "`ganeval explain fake --reference hr` or `ganeval explain fake --paired hr`"),
        (
            ["explain", "--paired", "hr", "fake", "hr", "digits:test"],
            "Run it for each: `ganeval explain --paired hr fake`; `ganeval explain --paired hr hr`; `ganeval explain "
            "--paired hr digits:test`.",
        ),
        (
            ["diff", "fake", "hr", "digits:test", "--reference", "hr"],
            "`ganeval score fake hr digits:test --reference hr`",
        ),
        (["diff", "fake", "hr", "digits:test"], "`ganeval score fake hr digits:test --reference REF`"),
        (
            ["diff", "fake", "fake", "hr"],
            "`ganeval diff fake fake --reference hr` or `ganeval diff fake fake --paired hr`",
        ),
        (
            ["explain", "fake", "hr", "hr"],
            "Run it for each: `ganeval explain fake --reference REF`; `ganeval explain hr ",
        ),
        (["sample", "dcgan.digits", "-o", "x"], "Did you mean 'dcgan.digits-cpu'"),
        (["score", "fake", "-r", "hr"], "Use --reference REF (sets) or --paired REF"),
        (["score", "fake", "--isc"], "Use --metrics is."),
        (["score", "fake", "--kid"], "Use --metrics kid."),
        (["score", "fake", "--dims", "2048"], "--metrics fd@BACKBONE"),
        (["score", "fake", "--num-workers", "8"], "images are read ahead"),
        (["score", "hr", "--save-stats"], "ganeval reference build REF -o real.safetensors"),
        (["gate", "fake", "--threshold", "0.1"], "Use --rules FILE.toml, whose margins"),
        (["sample", "dcgan.digits-cpu", "-o", "grid.png"], "Add --grid"),
        (["help", "score"], "Use `ganeval score --help`"),
        (["--reference", "hr", "fake"], "Write the command first: `ganeval score`"),
        (["score", "fake", "-n", "100"], "Use --num-samples N"),
        (["score", "fake", "--cpu"], "Use --device cpu"),
        (
            ["Score", "fake", "--metrics", "fidd"],
            "`ganeval list metrics` prints all of them.\nSee `ganeval score --help`",
        ),
        (["train-reference", "dcgan", "--recipe", "dcgan.digit"], "'dcgan.digits-cpu' or"),
        (["weights", "get", "inception"], "Use `ganeval weights fetch`"),
        (["weights", "fetch", "fid"], "'fid' is a metric. Name the weights that it needs: inception"),
        (["weights", "fetch", "LPIPS"], "needs: vgg16 lpips-vgg"),
        (
            ["weights", "verify", "inception-clean"],
            "'inception-clean' is a backbone. Name the weights that it needs: inception",
        ),
        (["data", "download", "mnist"], "Use `ganeval data fetch`"),
        (["leaderboard", "shwo"], "Did you mean 'show'"),
        (["score", "--reference", "hr"], "As in `ganeval score ./samples`."),
        (["diff", "fake"], "As in `ganeval diff ./old ./new --reference ./real`."),
        (["merge"], "As in `ganeval merge part-1.safetensors part-2.safetensors -o real.safetensors`."),
        (["gate", "init"], "As in `ganeval gate init last.safetensors --reference digits:train`."),
        (["score", "fake", "--reference", "hr", "--metrics", "inception"], "as in fd@inception."),
        (["reference", "create", "hr"], "Use `ganeval reference build`"),
        (["missing/fake", "hr"], "which isn't a path either"),
    ],
)
def test_a_word_of_another_tool_is_answered_with_the_command_that_is_meant(words, answer, folders, command_line):
    code, _, err = command_line(*words)

    assert code == 2
    assert answer in err
    assert len(err) < 1200


@pytest.mark.parametrize("where", ["subject", "reference"])
def test_a_path_with_a_space_that_the_shell_cut_is_told_to_be_quoted(where, tmp_path, folders, command_line):
    (tmp_path / "my images").mkdir()
    words = ["my", "images", "--reference", "hr"] if where == "subject" else ["fake", "--reference", "my", "images"]
    code, _, err = command_line("score", *words)

    assert code in (2, 3)
    assert "A path with a space needs quotes: 'my images'." in err


def test_metrics_separated_by_spaces_are_told_to_be_separated_by_commas(folders, command_line):
    code, _, err = command_line("score", "fake", "--paired", "hr", "--metrics", "PSNR", "SSIM")

    assert code in (2, 3)
    assert "separated by commas: --metrics PSNR,SSIM" in err


def test_a_path_below_a_misspelt_folder_is_answered_with_the_folder(tmp_path, folders, command_line):
    (tmp_path / "Samples").mkdir()
    code, _, err = command_line("score", "sample/run1", "--reference", "hr")

    assert code == 3
    assert "Did you mean 'Samples'?" in err


def test_options_are_read_with_underscores_too(folders, command_line):
    code, _, err = command_line("score", "fake", "--paired", "hr", "--crop_border", "x")

    assert code == 2
    assert "--crop-border takes a whole number" in err


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["List", "Models"], "dcgan"),
        (["train-reference", "DCGAN", "--recipe", "Digits-CPU", "--show", "--json"], '"dcgan.digits-cpu"'),
        (["train-reference", "DCGAN.Digits-CPU", "--show", "--json"], '"dcgan.digits-cpu"'),
        (["train-reference", "GAN-MLP", "--LIST"], "gan-mlp.digits-cpu"),
        (["sample", "CGAN-Conv.Digits-CPU", "-n", "1", "-o", "one.png", "--grid", "--device", "CPU"], "one.png"),
        (["weights", "verify", "EffLite0"], "efflite0  "),
        (
            ["score", "Digits:Test", "--reference", "DIGITS:Train", "--num-samples", "12", "--Metrics", "KD"],
            "digits:test",
        ),
        (
            ["reference", "build", "Digits", "--num-samples", "20", "-o", "real.safetensors", "--backbone", "EffLite0"],
            "efflite0",
        ),
        (["leaderboard", "show", "--board", "Timings", "--format", "CSV"], "stage"),
    ],
)
def test_names_are_understood_in_any_case(words, answer, tmp_path, monkeypatch, command_line):
    monkeypatch.chdir(tmp_path)
    code, out, err = command_line(*words)

    assert code == 0, err
    assert answer in out + err


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["data", "fetch", "Fashion-MNST"], "fashion-mnist"),
        (["train-reference", "DGCAN"], "dcgan"),
        (["train-reference", "dcgan", "--recipe", "DCGAN.Digit-CPU"], "dcgan.digits-cpu"),
        (["score", "Digit:test", "--reference", "digits"], "digits"),
        (["score", "digits", "--metrics", "KD@EfLite0"], "efflite0"),
        (["weights", "fetch", "Incepton"], "inception"),
        (["sample", "DCGAN.Digits-cp", "-o", "x"], "dcgan.digits-cpu"),
        (["list", "Model"], "models"),
        (["leaderboard", "show", "--board", "Timing"], "timings"),
    ],
)
def test_a_near_miss_in_any_case_is_answered_with_the_name(words, near, tmp_path, monkeypatch, command_line):
    monkeypatch.chdir(tmp_path)
    code, _, err = command_line(*words)

    assert code == 2
    assert f"'{near}'" in err


def test_a_folder_wins_over_a_data_set_of_the_same_letters(tmp_path, monkeypatch, command_line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Digits").mkdir()
    code, _, err = command_line("score", "Digits", "--reference", "digits", "--metrics", "kd")

    assert code == 3
    assert "'Digits'" in err


@pytest.mark.parametrize(
    "command",
    ["score x --metrics {long} y", "gate {long}", "explain {long}", "sample {long}", "leaderboard show {long}"],
)
def test_words_longer_than_a_file_name_are_told_like_others(command, folders, command_line):
    code, _, err = command_line(*command.format(long="a" * 300).split())

    assert code in (2, 3)
    assert err.startswith("ganeval: ")
