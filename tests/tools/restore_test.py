"""`tfdeblur restore`: files and folders in, results and exit code out."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfdeblur.images.files import read_image, read_photo, write_image
from tfdeblur_tools.main import main


@pytest.fixture
def restore(toy_model, tmp_path, monkeypatch):
    """Run the verb in a folder of its own, with the toy model, results in out/."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return main(["restore", *map(str, arguments), "--output=out", f"--model={toy_model}"])

    return run


def _write(path, size=(6, 5)):
    image = np.random.default_rng(len(str(path))).integers(0, 256, (*size, 3), dtype=np.uint8)
    write_image(path, image)
    return image


def test_files_and_folders(restore, tmp_path, toy_network, capsys):
    page = _write("page.png")
    for name in ("scans/a.png", "scans/a.jpg", "scans/deep/b.JPEG"):
        _write(name)
    assert restore("page.png", "scans") == 0
    results = sorted(path.relative_to("out").as_posix() for path in Path("out").glob("**/*.*"))
    assert results == ["a.jpg", "a.png", "deep/b.JPEG", "page.png"]
    assert np.abs(read_image("out/page.png").astype(int) - toy_network(page)).max() <= 1
    for name, kind in (("a.jpg", "JPEG"), ("a.png", "PNG"), ("deep/b.JPEG", "JPEG")):
        with Image.open(tmp_path / "out" / name) as image:
            assert (image.format, image.size) == (kind, (10, 12))
    assert "4 restored, 0 failed; results in out" in capsys.readouterr().out


def test_files_that_are_ignored_are_told_of(restore, capsys):
    _write("in/a.png")
    for name in ("in/note.txt", "in/deep.HEIC", "in/README", "in/.hidden"):
        Path(name).write_text("words")
    assert restore("in", "in") == 0
    told = "3 other files ignored: .heic, .txt, no suffix\n1 restored, 0 failed; results in out\n"
    assert capsys.readouterr().out == told


def test_one_broken_file_does_not_stop_the_others(restore, capsys):
    for name in "ac":
        _write(f"in/{name}.png")
    with open("in/b.png", "w") as file:
        file.write("only words")
    assert restore("in") == 1
    assert sorted(os.listdir("out")) == ["a.png", "c.png"]
    captured = capsys.readouterr()
    assert "2 restored, 1 failed" in captured.out
    assert "FAILED in/b.png: must be a PNG or JPEG picture" in captured.err
    assert "only words" in captured.err


def test_what_does_not_exist_or_holds_nothing(restore, capsys):
    _write("a.png")
    os.mkdir("empty")
    assert restore("missing.png", "empty", "a.png") == 1
    assert os.listdir("out") == ["a.png"]
    errors = capsys.readouterr().err
    assert "FAILED missing.png: there is no such file." in errors
    assert "FAILED empty: has no file that ends in .png, .jpg, .jpeg." in errors


def test_one_pixel(restore):
    write_image("dot.png", np.array([[[1, 2, 3]]], np.uint8))
    assert restore("dot.png") == 0
    assert read_image("out/dot.png").shape == (2, 2, 3)


def test_transparency_stays(restore):
    write_image("a.png", np.dstack([np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 100, np.uint8)]))
    assert restore("a.png") == 0
    photo = read_photo("out/a.png")
    assert photo.alpha is not None and photo.alpha.tolist() == [[100] * 8] * 8


def test_another_suffix_is_refused(restore, capsys):
    _write("a.png")
    os.rename("a.png", "a.tif")
    assert restore("a.tif") == 1
    assert "a.tif: the suffix must be one of .png, .jpg, .jpeg" in capsys.readouterr().err
    assert not os.path.exists("out")


def test_two_sources_of_one_result(restore, capsys):
    first = _write("one/a.png", (4, 4))
    _write("two/a.png", (7, 7))
    assert restore("one", "two/a.png", "one/a.png") == 1
    assert read_image("out/a.png").shape == (2 * first.shape[0], 2 * first.shape[1], 3)
    errors = capsys.readouterr().err
    assert "FAILED two/a.png: its result out/a.png is already that of one/a.png." in errors
    assert errors.count("FAILED") == 1


@pytest.mark.parametrize("given", ["out", "out/a.png", "link/a.png", "same.png"])
def test_inputs_are_never_overwritten(restore, given, capsys):
    image = _write("out/a.png")
    os.symlink("out", "link")
    os.link("out/a.png", "same.png")
    arguments = [given] if given != "same.png" else ["other/a.png", "same.png"]
    _write("other/a.png")
    assert restore(*arguments) == 1
    np.testing.assert_array_equal(read_image("out/a.png"), image)
    assert "out/a.png would overwrite an input" in capsys.readouterr().err


def test_existing_results_are_replaced_or_left(restore, capsys):
    image = _write("a.png")
    _write("out/a.png", (1, 1))
    assert restore("a.png", "--skip_existing") == 0
    assert read_image("out/a.png").shape == (1, 1, 3)
    assert "0 restored, 1 skipped, 0 failed" in capsys.readouterr().out
    assert restore("a.png") == 0
    assert read_image("out/a.png").shape == (2 * image.shape[0], 2 * image.shape[1], 3)


def test_results_inside_the_input_folder_are_not_restored_again(restore, capsys):
    _write("a.png")
    assert restore(".") == 0
    assert restore(".") == 0
    assert sorted(os.listdir("out")) == ["a.png"]


def test_output_that_is_a_file(restore, capsys):
    """Found out before anything is restored."""
    _write("a.png")
    with open("out", "w") as file:
        file.write("a file where the folder should be")
    assert restore("a.png") == 1
    told = "tfdeblur restore: `output` must be a folder. Got the file out.\n"
    assert capsys.readouterr().err == told


def test_output_that_cannot_be_written(restore, capsys):
    _write("a.png")
    os.makedirs("out/a.png")
    assert restore("a.png") == 1
    assert "FAILED a.png: " in capsys.readouterr().err


def test_usage_errors(restore, toy_model, capsys):
    assert restore() == 2
    assert "name at least one file or folder" in capsys.readouterr().err
    assert main(["restore", "a.png"]) == 2
    assert "--output" in capsys.readouterr().err
    assert restore("a.png", "--no_such_flag") == 2
    assert "no_such_flag" in capsys.readouterr().err
    assert restore("a.png", "--runtime=torch") == 2
    assert "torch" in capsys.readouterr().err


def test_empty_names_are_no_folders(restore, toy_model, capsys):
    """An unset shell variable must not turn into the working directory."""
    assert restore("") == 2
    assert "name at least one file or folder" in capsys.readouterr().err
    assert main(["restore", "a.png", "--output=", f"--model={toy_model}"]) == 2
    assert "--output must not be empty" in capsys.readouterr().err
    assert os.listdir() == []


def test_unknown_model(tmp_path, capsys):
    assert main(["restore", "a.png", f"--output={tmp_path}", "--model=nosuch"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("tfdeblur restore: `nosuch` must be a shipped model")
    assert "Traceback" not in error and "--verbosity" not in error
